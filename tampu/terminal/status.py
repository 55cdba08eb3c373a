"""The exit codes of the program."""

from typing import Final

FAILED: Final = 1
MISCONFIGURED: Final = 2
INTERRUPTED: Final = 130
UNREAD: Final = 141
"""Nobody reads the output."""
TERMINATED: Final = 143
