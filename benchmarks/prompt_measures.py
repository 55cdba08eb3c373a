"""Rendering and fitting a long conversation: the Python on top of the engine's tokenizing."""

import statistics
import time
from collections.abc import Callable, Sequence

from benchmarks.measures import Row
from tampu.messages import Message
from tampu.templates.fit import FitSearch
from tampu.templates.render import render_messages
from tampu.templates.template import parse_template

MESSAGES, WORDS, CONTEXT = 200, 150, 4096
MOST_MS = 15.0
REPEATS = 15
TEMPLATE = "{{ range .Messages }}<|im_start|>{{ .Role }}\n{{ .Content }}<|im_end|>\n{{ end }}<|im_start|>assistant\n"


def prompt_rows() -> list[Row]:
    """One row: 200 messages, 30,000 tokens, rendered whole and fitted into a context of 4096."""
    took_ms = statistics.median(_measured(_render_and_fit) for _ in range(REPEATS))
    return [
        Row(
            f"render and fit {MESSAGES} messages of 30k tokens",
            "-",
            f"{took_ms:.1f} ms",
            "-",
            f"<= {MOST_MS:.0f} ms",
            holds=took_ms <= MOST_MS,
        )
    ]


def conversation() -> Sequence[Message]:
    """A system prompt, then turns of 150 words each."""
    turns = [Message("user" if i % 2 else "assistant", "word " * WORDS) for i in range(MESSAGES)]
    return [Message("system", "Be brief."), *turns]


def _render_and_fit() -> None:
    """What `operations.prompt` does: the whole prompt, then candidates; a word counts for a token."""
    template, messages = parse_template(TEMPLATE), conversation()
    whole = render_messages(template, messages)
    search = FitSearch(messages, limit=CONTEXT, tokens=whole.count(" "))
    while (candidate := search.candidate) is not None:
        search.measured(render_messages(template, candidate).count(" "))
    render_messages(template, search.result().messages)


def _measured(work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1e3
