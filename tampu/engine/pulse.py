"""Whether an engine that has work still works. Pure: what is seen of it, and when, comes in.

No word for a while proves nothing: a long prompt is read in silence. Three things do prove that an engine hangs:
1. It has work and is silent, and its process neither computes nor reads nor grows: `STILL_S` of that are enough.
   The little that a server computes to see whether somebody calls does not count.
2. It is silent in the middle of every answer: between two tokens lies one step of all slots, however long their
   prompts. A step may be slow on a small machine, so this takes `SILENT_S`.
3. It is silent in the middle of every answer, nobody has left in the middle of a prompt, it computes and does nothing
   else, and does not answer what it answers between two steps: a step of one token each takes no `STEP_S`, or no
   `STEP_SHARE` times what such steps took before.
"""

from dataclasses import dataclass, replace
from typing import Final

LOOK_S: Final = 3.0
STILL_S: Final = 10.0
SILENT_S: Final = 600.0
STEP_S: Final = 12.0
STEP_SHARE: Final = 4
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
        return abs(self.processor_ds - before.processor_ds) >= LEAST_DS or self.shows_more_since(before)

    def shows_more_since(self, before: "Vitals") -> bool:
        """Whether it has done something else than compute."""
        return replace(self, processor_ds=before.processor_ds) != before


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What an engine's client knows: answers that are open, those that have begun, and whether anything new came.

    `has_left`: an answer was left before it began, so that its prompt may still be read.
    """

    open: int = 0
    begun: int = 0
    has_news: bool = False
    has_left: bool = False

    @property
    def is_between_tokens(self) -> bool:
        """Whether a token is all that the engine owes, to each."""
        return self.begun == self.open and not self.has_left


class Pulse:
    """Look at it every `LOOK_S` or so."""

    def __init__(self, now: float) -> None:
        self._heard_at = self._moved_at = self._turned_at = now
        self._vitals: Vitals | None = None
        self._step_s = STEP_S

    def is_fine(self, work: Work, now: float) -> bool:
        """Whether there is nothing to wonder about; if not, `is_stuck` tells more."""
        if work.open and not work.has_news:
            return False
        if work.has_news and work.is_between_tokens:
            self._step_s = max(self._step_s, STEP_SHARE * (now - self._heard_at))
        self._heard_at = self._moved_at = self._turned_at = now
        self._vitals = None
        return True

    def is_stuck(self, work: Work, vitals: Vitals, now: float, *, turns: bool = True) -> bool:
        """Whether an engine that says nothing hangs, as its process looks `now`; `turns`: it came to the end of a step.

        Where that cannot be told, or says nothing, it counts as told.
        """
        if turns or not work.is_between_tokens or vitals.shows_more_since(self._vitals or vitals):
            self._turned_at = now
        if self._vitals is None or vitals.shows_work_since(self._vitals):
            self._vitals, self._moved_at = vitals, now
        if now - self._moved_at >= STILL_S:
            return True
        if now - self._turned_at >= self._step_s:
            return True
        return work.begun == work.open and now - self._heard_at >= SILENT_S
