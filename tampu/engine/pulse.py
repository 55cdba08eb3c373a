"""Whether an engine that has work still works. Pure: what is seen of it, and when, comes in.

No word for a while proves nothing: a long prompt is read in silence. Two things do prove that an engine hangs:
1. It has work and is silent, and its process neither computes nor reads nor grows: `STILL_S` of that are enough.
   The little that a server computes to see whether somebody calls does not count.
2. It is silent in the middle of every answer: between two tokens lies one step of all slots, however long their
   prompts. A step may be slow on a small machine, so this takes `SILENT_S`.
"""

from dataclasses import dataclass, replace
from typing import Final

LOOK_S: Final = 3.0
STILL_S: Final = 10.0
SILENT_S: Final = 600.0
LEAST_DS: Final = 3
"""Less CPU than this, in tenths of a second, is no work, however long it took."""


@dataclass(frozen=True, slots=True)
class Vitals:
    """Signs of life of a process; one that changes none of them computes nothing.

    `processor_ds`: tenths of a second of CPU.
    """

    resident_mib: int = 0
    read_mib: int = 0
    processor_ds: int = 0
    log_lines: int = 0

    def shows_work_since(self, before: "Vitals") -> bool:
        """Whether more has happened than an idle process does."""
        has_computed = abs(self.processor_ds - before.processor_ds) >= LEAST_DS
        return has_computed or replace(self, processor_ds=before.processor_ds) != before


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What an engine's client knows: answers that are open, those that have begun, and whether anything new came."""

    open: int = 0
    begun: int = 0
    has_news: bool = False


class Pulse:
    """Look at it every `LOOK_S` or so."""

    def __init__(self, now: float) -> None:
        self._heard_at = self._moved_at = now
        self._vitals: Vitals | None = None

    def is_fine(self, work: Work, now: float) -> bool:
        """Whether there is nothing to wonder about; if not, `is_stuck` tells more."""
        if work.open and not work.has_news:
            return False
        self._heard_at = self._moved_at = now
        self._vitals = None
        return True

    def is_stuck(self, work: Work, vitals: Vitals, now: float) -> bool:
        """Whether an engine that says nothing hangs, as its process looks `now`."""
        if self._vitals is None or vitals.shows_work_since(self._vitals):
            self._vitals, self._moved_at = vitals, now
        if now - self._moved_at >= STILL_S:
            return True
        return work.begun == work.open and now - self._heard_at >= SILENT_S
