"""Why our reading of a reply may differ from what Ollama recorded: rules, each named after its line in the documents.

A rule looks at the reply and at both readings, never at the name of a case; the text must come from the reply as it is.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from tests.differences import lines

Reading = tuple[str, str, list[Any]]
"""Content, thinking, calls as (index, name, arguments)."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model said, and the tags of its template or format."""

    text: str
    tags: tuple[str, ...]


Rules = dict[str, Callable[[Reply, Reading, Reading], bool]]


def _held_back(reply: Reply, theirs: Reading, ours: Reading) -> bool:
    """At the end stands the beginning of a tag."""
    content, thinking = ours[0].removeprefix(theirs[0]), ours[1].removeprefix(theirs[1])
    if not ours[0].startswith(theirs[0]) or not ours[1].startswith(theirs[1]) or ours[2] != theirs[2]:
        return False
    more = content + thinking
    is_beginning = any(tag.startswith(more.lstrip()) for tag in reply.tags)
    return bool(more) and reply.text.endswith(more) and is_beginning


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


def _bad_call(reply: Reply, theirs: Reading, ours: Reading) -> bool:
    """A stretch of the reply that begins with a tag is added to the text, and calls behind it may be; nothing else."""
    added = _added(theirs[0], ours[0])
    calls = iter([call[1:] for call in ours[2]])
    is_more = all(call[1:] in calls for call in theirs[2])
    begins = any(added.lstrip().startswith(tag) for tag in reply.tags)
    return ours[1] == theirs[1] and is_more and begins and added in reply.text


def _read_after_all(reply: Reply, theirs: Reading, ours: Reading) -> bool:
    """Behind the same calls come more, whose names and texts the reply holds; nothing else differs."""
    more = ours[2][len(theirs[2]) :]
    same = ours[:2] == theirs[:2] and ours[2][: len(theirs[2])] == theirs[2]
    return same and bool(more) and all(name in reply.text for _, name, _ in more)


def _added(theirs: str, ours: str) -> str:
    """What one insertion must have added to make the second text of the first; "" where one is not enough."""
    start = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(theirs, ours, strict=False)))
    end = len(ours) - (len(theirs) - start)
    return ours[start:end] if ours[end:] == theirs[start:] else ""


RULES: Rules = {
    "Text held back is delivered": _held_back,
    "A call may have no arguments": _without_arguments,
    "Text that is no call stays text": _no_call,
    "Text and a call in one piece both arrive": _in_one_piece,
}
# For the named formats, whose tags say what is a call.
FORMAT_RULES: Rules = {
    "Text held back is delivered": _held_back,
    "A bad call never fails the request": _bad_call,
    "A call that can be read is a call": _read_after_all,
}


def explanation(reply: Reply, theirs: Reading, ours: Reading, rules: Rules = RULES) -> str | None:
    """The rule that explains the difference; "" where there is none, None where nothing explains it."""
    if ours == theirs:
        return ""
    return next((name for name, holds in rules.items() if holds(reply, theirs, ours)), None)


def documented(rules: Rules = RULES) -> set[str]:
    """The names of rules that stand in the documents."""
    return {name for name in rules if name in lines()}
