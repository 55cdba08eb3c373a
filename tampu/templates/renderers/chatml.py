"""The turns of ChatML, which many families speak."""

from typing import Final

START: Final = "<|im_start|>"
END: Final = "<|im_end|>\n"


def turn(role: str, body: str) -> str:
    """One closed turn."""
    return f"{START}{role}\n{body}{END}"


def opened(role: str, body: str = "") -> str:
    """A turn that is left open, to be gone on with."""
    return f"{START}{role}\n{body}"


def tool_response(index_opens: bool, index_closes: bool, content: str) -> str:
    """The result of a tool inside a user turn; neighbouring results share the turn."""
    body = f"<tool_response>\n{content}\n</tool_response>"
    return f"{opened('user') if index_opens else chr(10)}{body}{END if index_closes else ''}"
