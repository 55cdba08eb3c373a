"""How many files and connections the server may have open at once: as many as the system lets it, as Ollama has."""

import sys
from contextlib import suppress
from typing import Final

_MACOS_MOST: Final = 10_240
"""More is refused there, whatever the limit is said to be."""


def allow_many() -> None:
    """Raise what this process may open to what it might; where that cannot be, it stays as it is."""
    if sys.platform == "win32":
        return
    import resource  # noqa: PLC0415  # Unix only

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for most in (hard, _MACOS_MOST):
        if _is_more(most, soft, resource.RLIM_INFINITY):
            with suppress(OSError, ValueError):
                resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
                return


def _is_more(most: int, soft: int, unlimited: int) -> bool:
    """Limits are numbers, but one of them stands for none, and is the least or the largest, as the system likes."""
    return soft != unlimited and (most == unlimited or most > soft)
