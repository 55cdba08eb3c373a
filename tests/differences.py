"""The lines of docs/differences.md: the name of each deliberate difference, and of what kind it is.

A line that explains recorded cases bears its kind; what a case counts as in the table of agreement comes from there.
"""

import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Final

DOCUMENT: Final = Path(__file__).parents[1] / "docs" / "differences.md"
OURS: Final = "ours"
KINDS: Final = ("broken", "lost", "mistake", "standard", "engine", "later", OURS)
"""From what convinces every user of Ollama to what convinces least; the document says what each of them means."""
_LINE: Final = re.compile(r"^- \*\*(?P<name>.+?)\*\*(?: \*\((?P<kind>[a-z]+)\)\*)?: ", re.MULTILINE)


@cache
def lines() -> Mapping[str, str | None]:
    """The kind of each line, by its name; None where it explains no recorded case."""
    return {found["name"]: found["kind"] for found in _LINE.finditer(DOCUMENT.read_text())}


def kind(names: Iterable[str]) -> str:
    """What a case counts as that these lines explain together: the kind that convinces least.

    Raises KeyError for a name that no line has, ValueError for one whose line says no kind, or an unknown one.
    """
    return max((_kind_of(name) for name in names), key=KINDS.index)


def _kind_of(name: str) -> str:
    found = lines()[name]
    if found not in KINDS:
        raise ValueError(f"docs/differences.md says no known kind of {name!r}")
    return found
