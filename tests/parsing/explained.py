"""Why our reading of a reply may differ from what Ollama recorded: rules, each named after its line in the documents.

A rule looks at the reply and at both readings, never at the name of a case; the text must come from the reply as it is.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Reading = tuple[str, str, list[Any]]
"""Content, thinking, calls as (index, name, arguments)."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model said, and the tags that its template shows."""

    text: str
    tags: tuple[str, ...]


def _held_back(reply: Reply, theirs: Reading, ours: Reading) -> bool:
    """At the end stands the beginning of a tag, or nothing but blanks were said."""
    content, thinking = ours[0].removeprefix(theirs[0]), ours[1].removeprefix(theirs[1])
    if not ours[0].startswith(theirs[0]) or not ours[1].startswith(theirs[1]) or ours[2] != theirs[2]:
        return False
    more = content + thinking
    is_beginning = any(tag.startswith(more) for tag in reply.tags)
    return bool(more) and reply.text.endswith(more) and (is_beginning or not reply.text.strip())


def _no_call(reply: Reply, theirs: Reading, ours: Reading) -> bool:
    """The same calls, and of the text more, word for word."""
    more = ours[0].removeprefix(theirs[0])
    same = ours[1:] == theirs[1:] and ours[0].startswith(theirs[0])
    return same and bool(more) and more in reply.text


def _without_arguments(_: Reply, theirs: Reading, ours: Reading) -> bool:
    """Calls that have none are added, nothing else."""
    added = [call for call in ours[2] if call not in theirs[2]]
    return ours[:2] == theirs[:2] and bool(added) and all(arguments == {} for _, _, arguments in added)


def _in_one_piece(reply: Reply, theirs: Reading, ours: Reading) -> bool:
    """Ollama has the text alone, we have it and the calls behind it."""
    return ours[:2] == theirs[:2] and not theirs[2] and all(name in reply.text for _, name, _ in ours[2])


RULES: dict[str, Callable[[Reply, Reading, Reading], bool]] = {
    "Text held back is delivered": _held_back,
    "A call may have no arguments": _without_arguments,
    "Text that is no call stays text": _no_call,
    "Text and a call in one piece both arrive": _in_one_piece,
}


def explanation(reply: Reply, theirs: Reading, ours: Reading) -> str | None:
    """The rule that explains the difference; "" where there is none, None where nothing explains it."""
    if ours == theirs:
        return ""
    return next((name for name, holds in RULES.items() if holds(reply, theirs, ours)), None)


def documented() -> set[str]:
    """The names of rules that stand in the documents."""
    text = (Path(__file__).parents[2] / "docs" / "differences.md").read_text()
    return {name for name in RULES if f"- **{name}**:" in text}
