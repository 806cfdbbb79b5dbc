"""The sections of the report: each function takes the results and gives what the template prints."""
