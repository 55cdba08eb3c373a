"""What a client would miss of Ollama's answer, told from the lines that the replay tool prints.

A difference loses something where a field or an item is gone, a text is not whole in ours, a value is of another kind
(null too), or an answer is refused.
Numbers may change, and an answer where Ollama has an error loses nothing. Such a difference is explained only by a rule
that says why it is no loss, and whose pattern does not match as well what is worse: nothing at all in that place.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

_MISSING: Final = re.compile(r"(?P<path>\S+): missing \(want (?P<want>.*)\)", re.DOTALL)
_FEWER: Final = re.compile(r"\S*: (?P<want>\d+) items wanted, got (?P<got>\d+)")
_CHANGED: Final = re.compile(r"(?P<path>\S*): want (?P<want>.*?), got (?P<got>.*)", re.DOTALL)
_ABOUT_THE_ANSWER: Final = ("header ", "kind: ")
_STATUS: Final = re.compile(r"status: want \d")
"""The answer's own; a `status` of its body has words."""
_NOTHING: Final = ("null", '""', "[]", "{}")
_FIRST_ERROR: Final = 400


def is_loss(difference: str, *, wanted_status: int, got_status: int) -> bool:
    """Whether the line tells of something that our answer lacks."""
    is_refused = wanted_status < _FIRST_ERROR <= got_status
    if is_status(difference):
        return is_refused
    if is_refused or got_status < _FIRST_ERROR <= wanted_status or difference.startswith(_ABOUT_THE_ANSWER):
        return False  # all of it follows from the status
    if found := _MISSING.fullmatch(difference):
        return found["want"] not in _NOTHING
    if found := _FEWER.fullmatch(difference):
        return int(found["got"]) < int(found["want"])
    found = _CHANGED.fullmatch(difference)
    if found and found["path"].startswith("shapes."):
        return not set(found["want"].strip('"').split()) <= set(found["got"].strip('"').split())
    return found is not None and _is_lost(_value(found["want"]), found["got"])


def is_status(difference: str) -> bool:
    """Whether the line tells of another status of the whole answer."""
    return _STATUS.match(difference) is not None


def worse(difference: str) -> Iterator[str]:
    """The lines of answers that have nothing where ours has something else than Ollama's."""
    found = _CHANGED.fullmatch(difference)
    if found is None or difference.startswith(("status: ", *_ABOUT_THE_ANSWER)):
        return
    nothing = (f"{found['path']}: want {found['want']}, got {each}" for each in _NOTHING)
    for line in (f"{found['path']}: missing (want {found['want']})", *nothing):
        if line != difference:
            yield line


def _is_lost(want: Any, got: str) -> bool:
    said = _value(got)
    match want:
        case None:
            return False
        case bool() | int() | float():
            return not isinstance(said, bool | int | float)
        case str() if said is not None:
            return want not in (said if isinstance(said, str) else json.dumps(said, ensure_ascii=False))
        case _:
            return True


def _value(text: str) -> Any:
    """A value as the tool prints it: JSON, or what is left of a long one."""
    try:
        return json.loads(text)
    except ValueError:
        return text
