"""`python -m tampu`, and what the installed commands call: the command line."""

import signal
from typing import NoReturn


def main() -> NoReturn:
    """Load the command line and run it. Ctrl-C while it loads ends the process without a word."""
    heard = signal.getsignal(signal.SIGINT)
    if heard is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from tampu.cli.main import main as command_line  # noqa: PLC0415  # what takes long must come behind the line above

    signal.signal(signal.SIGINT, heard)
    command_line()


if __name__ == "__main__":
    main()
