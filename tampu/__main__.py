"""`python -m tampu`: the command line."""

from tampu.cli.main import main

if __name__ == "__main__":
    main()
