"""``python -m mitoferry`` is the command line."""

from mitoferry.show.cli import main

if __name__ == "__main__":
    main()
