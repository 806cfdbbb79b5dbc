"""mitoferry."""
