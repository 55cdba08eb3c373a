"""How many columns of a terminal a text fills."""

import re
from typing import Final

from wcwidth import wcswidth

_CONTROLS: Final = re.compile("[\x00-\x1f\x7f-\x9f]")


def columns(text: str) -> int:
    """Columns of `text`; control characters have none."""
    if text.isascii() and text.isprintable():
        return len(text)
    return max(0, wcswidth(_CONTROLS.sub("", text)))
