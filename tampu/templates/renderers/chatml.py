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


def tool_response(opens: bool, closes: bool, content: str) -> str:
    """The result of a tool inside a user turn; neighbouring results share the turn."""
    opening, closing = opened("user") if opens else "\n", END if closes else ""
    return f"{opening}<tool_response>\n{content}\n</tool_response>{closing}"
