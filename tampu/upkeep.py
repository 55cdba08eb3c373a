"""What is found out about this machine and its models folder, and what is done about it: damage, engines, leftovers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final


@dataclass(frozen=True, slots=True)
class Damage:
    """A blob that is not what its digest says, or a manifest (`digest` "") that cannot be read, and who suffers."""

    digest: str
    problem: str
    models: tuple[str, ...]


MOVE_IT_AWAY: Final = "move it away: while it lies there nothing counts as unused, and 'purge' removes nothing"
"""What to do about a damage that is no blob and no model: a file that has no business among the manifests."""


@dataclass(frozen=True, slots=True)
class Verified:
    """The end of a verification: how much was hashed, and what is wrong with it."""

    blobs: int
    bytes: int
    damages: tuple[Damage, ...]


class LeftoverKind(Enum):
    """What a file is that is there although no model needs it. The values are words for people."""

    BLOB = "unused blob"
    PARTIAL = "unfinished download"
    TEMPORARY = "temporary file"
    PROMPT = "kept prompt"
    VIEW = "kept translation"


@dataclass(frozen=True, slots=True)
class Leftover:
    """A file that no model uses. `bytes`: what its removal frees, which is nothing where it has another name."""

    name: str
    kind: LeftoverKind
    bytes: int


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A download that was begun: of which model ("" where nobody wrote it down), how far it is, when it last moved.

    `size` 0: it is not known. `modified_ns`: since the epoch. `is_running`: somebody is downloading it right now.
    """

    model: str
    digest: str
    size: int
    completed: int
    modified_ns: int
    is_running: bool


@dataclass(frozen=True, slots=True)
class Purged:
    """The end of a purge: what went, or would go."""

    leftovers: tuple[Leftover, ...]

    @property
    def bytes(self) -> int:
        """What that frees in all."""
        return sum(leftover.bytes for leftover in self.leftovers)


class Verdict(Enum):
    """How a finding is meant. The values are words for people."""

    FINE = "ok"
    NOTE = "note"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that an examination found; `advice` says what to do about it, "" where nothing needs doing."""

    topic: str
    text: str
    verdict: Verdict = Verdict.FINE
    advice: str = ""


@dataclass(frozen=True, slots=True)
class FoundEngine:
    """An engine that there is. `problem`: why it does not run here, "" if it does; `why`: why it is used, if it is.

    `features`: what it was built for, in its own words.
    """

    name: str
    origin: str
    path: str
    version: str
    features: tuple[str, ...] = ()
    problem: str = ""
    is_used: bool = False
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRequest:
    """A wish to read the last `lines` of the server's log, or of that of a model's engine, and whatever follows."""

    model: str = ""
    lines: int = 100
    follow: bool = False


@dataclass(frozen=True, slots=True)
class BuildEngineRequest:
    """Compile an engine for this machine, out of a folder or (`source` "") of what the package index has."""

    name: str = ""
    source: str = ""
    stream: bool = True


@dataclass(frozen=True, slots=True)
class TuneRequest:
    """Measure how a model runs best here. `dry_run`: keep nothing; `reset`: forget what is kept, measure nothing."""

    model: str
    dry_run: bool = False
    reset: bool = False
    stream: bool = True


@dataclass(frozen=True, slots=True)
class Tried:
    """One value that was measured against the best so far: how many times as fast it is, and whether it is kept.

    `problem`: why it could not be measured, its `gain` then 0, or why it is not kept although it won; "" for neither.
    """

    what: str
    value: str
    gain: float
    is_kept: bool
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Tuned:
    """The end of a tuning: what was tried, and the values that differ from the usual ones now."""

    tried: tuple[Tried, ...] = ()
    values: Mapping[str, str] = field(default_factory=dict)
