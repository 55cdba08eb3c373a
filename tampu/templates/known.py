"""Chat templates of weights that are known by sight, and the Go template that stands for each, as Ollama stores it.

Ollama compares a template with a list of texts and takes the nearest; here a format is known by its marks, so that its
variants are too. What has more to say than turns (tools, thoughts, pictures) is no mere variant and stays as it is.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_MARK: Final = re.compile(r"<\|[^|<>]{1,40}\|>")
_MORE_THAN_TURNS: Final = re.compile(r"tool|function|think|reasoning|image|vision|audio|macro")
_LONGEST: Final = 1_000
"""Characters of a template that only writes turns, with room for a system prompt of its own."""


@dataclass(frozen=True, slots=True)
class KnownTemplate:
    """`source`: the Go template; `stops`: the words to stop at that come with it."""

    name: str
    source: str
    stops: Sequence[str]


CHATML: Final = KnownTemplate(
    "chatml",
    "{{- range .Messages }}<|im_start|>{{ .Role }}\n{{ .Content }}<|im_end|>\n{{ end }}<|im_start|>assistant\n",
    ("<|im_start|>", "<|im_end|>"),
)


def known_template(chat_template: str) -> KnownTemplate | None:
    """What `chat_template`, the Jinja text of weights, is known as."""
    if len(chat_template) > _LONGEST or _MORE_THAN_TURNS.search(chat_template):
        return None
    return CHATML if set(_MARK.findall(chat_template)) == set(CHATML.stops) else None
