'''Messages of several lines: what `"""` opens and closes, and what such a text means.'''

from typing import Final

FENCE: Final = '"""'
_SET_SYSTEM: Final = "/set system "


def is_open(text: str) -> bool:
    """Whether `text` begins a block that is not closed yet, so that Enter adds a line instead of sending."""
    block = _block_of(text)
    return block is not None and not block.endswith(FENCE)


def message_of(text: str) -> str:
    """The message that a typed text stands for: a block without its quotes, anything else as it is."""
    block = _block_of(text) if text.startswith(FENCE) else None
    return text if block is None else unfenced(text)


def unfenced(text: str) -> str:
    """`text` without the quotes of a block around it."""
    if not text.startswith(FENCE):
        return text
    return text.removeprefix(FENCE).removesuffix(FENCE)


def _block_of(text: str) -> str | None:
    """What follows the opening quotes; None for a text that is no block."""
    is_command = text.startswith(_SET_SYSTEM)
    start = text.removeprefix(_SET_SYSTEM).strip(" \t") if is_command else text
    return start.removeprefix(FENCE) if start.startswith(FENCE) else None
