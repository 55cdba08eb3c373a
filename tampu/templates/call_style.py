"""How a model writes calls of tools, as far as its template tells: needed to hold an answer to that form."""

import re
from dataclasses import dataclass
from typing import Final

from tampu.templates.facts import BARE_TAG, tool_tag
from tampu.templates.template import Template

_PARAMETERS = re.compile(r'"parameters"\s*:\s*"?\{\{')
_ARGUMENTS = re.compile(r'"arguments"\s*:\s*"?\{\{')
_NO_JSON: Final = ("<function=", "<parameter=", "<arg_key>")
_BARE_JINJA = re.compile(r"""\{\s*\\?"name\\?"\s*:[^{}]{1,40}\\?"parameters\\?"\s*:""")


@dataclass(frozen=True, slots=True)
class CallStyle:
    """The tag in front of a call (`{` or `[` where there is none) and the key of the arguments in its object."""

    tag: str
    key: str = "arguments"


DESCRIBED: Final = CallStyle("<tool_call>")
"""What a model without a template for tools is told to write."""


def go_call_style(template: Template) -> CallStyle:
    """The style of a Go template."""
    source = template.source
    takes_parameters = _PARAMETERS.search(source) is not None and _ARGUMENTS.search(source) is None
    return CallStyle(tool_tag(template), "parameters" if takes_parameters else "arguments")


def jinja_call_style(text: str) -> CallStyle | None:
    """The style of a chat template inside a weights file; None where it is not JSON behind a tag that we know."""
    if "<tool_call>" in text:
        return None if any(mark in text for mark in _NO_JSON) else CallStyle("<tool_call>")
    return CallStyle(BARE_TAG, "parameters") if _BARE_JINJA.search(text) else None


def has_channels(text: str) -> bool:
    """Whether answers are cut into channels by tokens of their own, which only the engine's parser knows."""
    return "<|channel" in text
