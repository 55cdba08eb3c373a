"""The shape of an answer beyond one schema: thoughts that come first and stay free, calls of tools instead of text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tampu.messages import Tool


@dataclass(frozen=True, slots=True)
class Thoughts:
    """The tags around thoughts that may come first. `is_open`: the prompt ended behind the opening tag."""

    opening: str
    closing: str
    is_open: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CallForm:
    """How a model writes the calls of `tools`: a tag, then an object with a name and, under `key`, the arguments.

    A tag that ends with `[` opens a list of such objects. `is_required`: nothing but calls is an answer; else the
    answer may be what the request's format says, or any text that does not begin like the tag. `follows_text`: such a
    text may go over to calls, and a tag in it is always followed by one. `schemas`: of arguments,
    by the tool's name, where more of them is known than the tool tells.
    """

    tag: str
    tools: Sequence[Tool]
    key: str = "arguments"
    is_required: bool = True
    follows_text: bool = False
    at_most: int = 1
    schemas: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
