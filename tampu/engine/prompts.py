"""Prompts that outlive their engine: when one engine's slots are written to the shelf, and when they are read back.

The rules:
1. Nothing here may fail a request, nor hold it up noticeably longer than reading its prompt would take.
2. A prompt is looked for before it is sent, where it is long and the shelf has something that this engine never held.
3. It is restored into a slot that is free and holds least; the engine finds the slot with the longest beginning itself.
4. Slots are written down when the engine has been idle for a while, and again before it ends: only then is that free.
5. A model that uses nothing of what was restored (one whose layers remember otherwise) is left in peace from then on.
"""

import logging
from array import array
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Protocol

import anyio
import msgspec
from anyio import to_thread

from tampu.engine.protocol import EngineEnd
from tampu.engine.shelf import Kept, Shelf, best_of
from tampu.engine.state_file import Tokens, UnknownLayout
from tampu.errors import EngineError

LEAST_TOKENS: Final = 512
"""A shorter prompt is read again sooner than a file."""
_CHARACTERS_PER_TOKEN: Final = 4
"""About."""
_LEAST_NEW: Final = 256
_HELD: Final = 16
_MS_PER_TOKEN: Final = 1.0
"""What reading a token of a prompt takes, where it is not measured yet."""
_LONGEST_S: Final = 5.0
_SHORTEST_S: Final = 0.25
"""A wait that nobody notices is granted in any case: a busy disk needs it."""

_log = logging.getLogger(__name__)


class Slot(msgspec.Struct, frozen=True):
    """A slot as the engine tells of it."""

    id: int
    is_processing: bool = False
    n_prompt_tokens: int = 0
    id_task: int = -1


class Slots(Protocol):
    """What is needed of an engine; all may raise EngineError."""

    async def slots(self) -> list[Slot]:
        """Its slots as they are now."""
        ...

    async def save_slot(self, slot: int, name: str) -> int:
        """Write a slot to the file `name` of the shelf; how many tokens it holds."""
        ...

    async def restore_slot(self, slot: int, name: str) -> int:
        """Read a slot from there; how many tokens it holds now."""
        ...


@dataclass(slots=True)
class _Reading:
    """How long prompts took to read."""

    tokens: int = 0
    ms: float = 0.0

    def patience_s(self, tokens: int) -> float:
        """How long one may wait so as not to have to read so many tokens."""
        ms = self.ms / self.tokens if self.tokens >= LEAST_TOKENS else _MS_PER_TOKEN
        return min(max(tokens * ms / 1000, _SHORTEST_S), _LONGEST_S)


class Prompts:
    """The prompts of one engine. `fingerprint`: what must be the same for a state to be good for it."""

    def __init__(self, slots: Slots, shelf: Shelf, fingerprint: str) -> None:
        self._slots, self._shelf, self._fingerprint = slots, shelf, fingerprint
        self._kept: list[Kept] = []
        self._held: list[Tokens] = []
        self._written: set[tuple[int, int]] = set()
        self._unwritten = 0
        """Tokens that were read since the slots were last written down."""
        self._reading = _Reading()
        self._is_useless = False
        self._lock = anyio.Lock()

    async def open(self) -> None:
        """Look what there is; a shelf that cannot be used is left alone."""
        try:
            await to_thread.run_sync(self._shelf.prepare)
            self._kept = await to_thread.run_sync(self._shelf.kept, self._fingerprint)
        except OSError as error:
            self._give_up(f"the folder cannot be used: {error.strerror or error}")

    def may_have(self, characters: int) -> bool:
        """Whether it is worth knowing the tokens of a prompt of so many characters; costs nothing."""
        return bool(self._kept) and not self._is_useless and characters >= LEAST_TOKENS

    async def recall(self, tokens_of: Callable[[], Awaitable[list[int]]]) -> int:
        """Bring back what is kept of a prompt; the tokens that the engine need not read now, 0 where it must."""
        try:
            tokens = array("i", await tokens_of())
            # Rule 1 holds for the wait for others, too.
            with anyio.move_on_after(self._reading.patience_s(len(tokens))):
                async with self._lock:
                    best = best_of(self._kept, tokens, self._held, least=_LEAST_NEW)
                    self._hold(tokens)
                    if best is not None and len(tokens) >= LEAST_TOKENS:
                        return await self._restore(best)
        except (EngineError, OverflowError) as error:
            _log.debug("a kept prompt was not restored: %s", error)
        return 0

    async def _restore(self, kept: Kept) -> int:
        free = [slot for slot in await self._slots.slots() if not slot.is_processing]
        if not free:
            return 0
        if not await to_thread.run_sync(self._shelf.is_sound, kept, abandon_on_cancel=True):
            await self._forget(kept)
            return 0
        slot = min(free, key=lambda slot: slot.n_prompt_tokens)
        try:
            restored = await self._slots.restore_slot(slot.id, kept.path.name)
        except EngineError:
            await self._forget(kept)
            raise
        self._hold(kept.tokens)
        return restored

    def note(self, end: EngineEnd, *, recalled: int) -> None:
        """Learn from the end of an answer; `recalled`: what `recall` said of its prompt."""
        read_anew = end.prompt_tokens - end.cached_tokens
        self._reading.tokens += read_anew
        self._reading.ms += end.prompt_ms
        if recalled and end.cached_tokens < min(recalled, end.prompt_tokens) // 4:
            self._give_up("the model makes no use of it")
        if end.prompt_tokens + end.completion_tokens >= LEAST_TOKENS and read_anew >= _LEAST_NEW:
            self._unwritten += read_anew

    def note_left(self, characters: int) -> None:
        """An answer was left before its end: how much of its prompt was read, the slots will show."""
        if characters >= LEAST_TOKENS:
            self._unwritten += max(LEAST_TOKENS, characters // _CHARACTERS_PER_TOKEN)

    @property
    def has_news(self) -> bool:
        """Whether there is something to write down."""
        return self._unwritten > 0 and not self._is_useless

    async def write_down(self) -> None:
        """Write the long prompts of all idle slots to the shelf, for no longer than reading them again would take."""
        news = self._unwritten
        try:
            with anyio.move_on_after(self._reading.patience_s(news)):
                slots = await self._slots.slots()
                for slot in slots:
                    await self._write(slot)
                if any(slot.is_processing for slot in slots):
                    return  # one whose client has just left: it is looked at again
        except EngineError as error:
            _log.debug("prompts were not kept: %s", error)
        except OSError as error:
            self._give_up(f"the folder cannot be written: {error.strerror or error}")
        # Not where it was cancelled: then the end of the engine, which is near, tries again.
        self._unwritten -= news

    async def _write(self, slot: Slot) -> None:
        mark = slot.id, slot.id_task
        if slot.is_processing or slot.n_prompt_tokens < LEAST_TOKENS or mark in self._written:
            return
        name = self._shelf.new_name()
        try:
            if await self._slots.save_slot(slot.id, name) < LEAST_TOKENS:
                return
            self._kept, added = await to_thread.run_sync(self._shelf.add, name, self._fingerprint, self._kept)
        except UnknownLayout:
            self._give_up("this engine writes what cannot be read here")
            return
        finally:
            self._shelf.remove(self._shelf.folder / name)
        self._written.add(mark)
        self._hold(added)
        _log.debug("prompt kept: %d tokens", len(added))

    async def _forget(self, kept: Kept) -> None:
        self._kept = [other for other in self._kept if other is not kept]
        await to_thread.run_sync(self._shelf.remove, kept.path)

    def _hold(self, tokens: Tokens) -> None:
        self._held = [*self._held, tokens][-_HELD:]

    def _give_up(self, why: str) -> None:
        self._is_useless = True
        _log.warning("no prompts are kept on disk for this model: %s", why)
