"""Measures how one model runs best on this machine: short trials of two engines in turn; only a clear win is kept.

One thing is changed at a time, and what wins stays for the next. Both sides of a pair are loaded at once and asked one
after the other, first the one and then the other, so that whatever else the machine does hits both.
"""

import os
import random
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Final

import msgspec
from anyio import to_thread

from tampu.config import engine_environment
from tampu.engine.abilities import program_of
from tampu.engine.contest import CLEAR, gain, is_decided, wins
from tampu.engine.process import ChildEngine, start_engine
from tampu.engine.protocol import EngineCompletion, EngineEnd
from tampu.engine.spec import EngineSpec, Placement
from tampu.engine.tuning import NOTHING_TUNED, Tuning, forget_tuning, tuned, tuning_path, write_tuning
from tampu.errors import EngineError, EngineOutOfMemory, MissingCapability, StoreError
from tampu.generation import Capability
from tampu.hardware.busyness import share_of_others, spent
from tampu.hardware.devices import allowed_processors, compute_threads
from tampu.hardware.memory import available_memory
from tampu.operations.models import find_model, require_local
from tampu.operations.services import Services
from tampu.operations.translation import opened_files
from tampu.operations.wanted import wanted_load, wanted_options
from tampu.options import Sampling
from tampu.progress import Progress
from tampu.scheduler.placement import memory_bytes, wanted_ctx
from tampu.scheduler.records import Limits, LoadRequest
from tampu.upkeep import Tried, Tuned, TuneRequest

_CONTEXT: Final = 2048
_PROMPT_TOKENS: Final = 512
_ANSWER_TOKENS: Final = 48
_COPIED_TOKENS: Final = 128
_TRIAL_S: Final = 3.0
"""About as long as reading or writing may take in one trial: slow machines do less of it."""
_FEWEST_WORDS: Final = 64
_FEWEST_TOKENS: Final = 8
_CACHE_CLEAR: Final = 1.1
"""A smaller cache rounds what it holds: that must bring more."""
_GUESSING_CLEAR: Final = 1.2
_NO_LOSS: Final = 0.97
_MOST_OF_OTHERS: Final = 0.2
"""The share of the processors that other programs may take while something is measured that is to be kept."""
_BATCHES: Final = (256, 1024)
_WORDS: Final = "river stone window garden paper music travel summer number letter silver forest market engine".split()
_CODE: Final = "".join(
    f"def add_{name}(items: list[int]) -> int:\n    total = 0\n    for item in items:\n        total += item\n"
    f"    return total + len('{name}')\n\n\n"
    for name in ("river", "stone", "window", "garden")
)


@dataclass(frozen=True, slots=True)
class Variant:
    """Another value of one thing. `clear`: how many times as fast it must be; `copies`: where guessing may help."""

    what: str
    value: str
    tuning: Tuning
    clear: float = CLEAR
    copies: bool = False


def variants(what: str, best: Tuning, *, cores: int, logical: int) -> Iterator[Variant]:
    """The values of one thing that are worth a trial against `best`. Pure."""
    change = msgspec.structs.replace
    match what:
        case "threads":
            for threads in sorted({max(1, cores // 2), cores - 1, logical} - {0, cores}):
                yield Variant(what, str(threads), change(best, threads=threads))
        case "batch":
            for size in _BATCHES:
                yield Variant(what, str(size), change(best, computed_batch=size))
        case "flash attention":
            for is_on in (True, False):
                yield Variant(what, "on" if is_on else "off", change(best, flash_attention=is_on))
        case "cache type" if best.flash_attention is not False:
            yield Variant(what, "q8_0", change(best, kv_cache_type="q8_0"), _CACHE_CLEAR)
        case "guessing":
            yield Variant(what, "on", change(best, speculation=True), _GUESSING_CLEAR, copies=True)


THINGS: Final = ("threads", "batch", "flash attention", "cache type", "guessing")


async def tune(services: Services, request: TuneRequest) -> AsyncIterator[Progress | Tuned]:
    """Tell what is being measured, at last what was found and is kept; raises ModelNotFound, EngineError, StoreError.

    Waits while another model is tuned: two at once would measure each other. A loaded copy of the model leaves as soon
    as nobody uses it, so that the next load heeds what was found.
    """
    load = await _wanted(services, request.model)
    program = await to_thread.run_sync(program_of, services.settings, engine_environment())
    path = await to_thread.run_sync(tuning_path, load.spec, program, services.settings)
    best, tried = NOTHING_TUNED, list[Tried]()
    if not request.reset:
        if services.tuning.value == 0:
            yield Progress("waiting until another model is tuned")
        async with services.tuning:
            _check_room(load)
            bench = _Bench(services, load)
            for what in THINGS:
                for variant in variants(what, best, cores=compute_threads(), logical=len(allowed_processors())):
                    yield Progress(f"measuring {variant.what} {variant.value}")
                    found = await bench.compare(best, variant)
                    best = variant.tuning if found.is_kept else best
                    tried.append(found)
    if not request.dry_run:
        try:
            await to_thread.run_sync(forget_tuning if request.reset else lambda place: write_tuning(place, best), path)
        except OSError as error:
            raise StoreError(f"what was measured cannot be kept: {error.strerror or error}") from None
        await services.scheduler.unload(load.key)
    yield Tuned(
        tuple(tried), {name: str(value) for name, value in msgspec.structs.asdict(best).items() if value is not None}
    )


async def _wanted(services: Services, name: str) -> LoadRequest:
    """The model as it would be loaded to write; raises ModelNotFound, MissingCapability."""
    model = await find_model(services, name)
    require_local(model)
    facts = await services.facts.of(model)
    if Capability.COMPLETION not in facts.capabilities:
        raise MissingCapability(
            f'"{name}" does not write text, so there is nothing to tune', capability=Capability.COMPLETION.value
        )
    options = wanted_options(model, services.settings, {"num_ctx": _CONTEXT}).load
    return wanted_load(model, facts, options, services.settings, keep_alive=None)


def _check_room(load: LoadRequest) -> None:
    needed = 2 * memory_bytes(load.footprint, _CONTEXT, 1, Limits())
    free = available_memory().available_bytes
    if needed > free:
        raise EngineOutOfMemory(
            f"tuning loads the model twice, which takes {needed / 2**30:.1f} GiB, and {free / 2**30:.1f} GiB are free; "
            "unload other models with 'stop'"
        )


def judged(variant: Variant, gained: float, *, is_kept: bool, others: float) -> Tried:
    """What was found; a win among busy neighbours says what is best beside them, so it is told, and not kept. Pure."""
    is_disturbed = is_kept and others > _MOST_OF_OTHERS
    problem = f"other programs took {others:.0%} of the processors; tune again when it is quiet" if is_disturbed else ""
    return Tried(variant.what, variant.value, gained, is_kept and not is_disturbed, problem)


class _Bench:
    """Where two ways to run one model are compared."""

    def __init__(self, services: Services, load: LoadRequest) -> None:
        self._services, self._load = services, load
        self._dice = random.Random()  # noqa: S311  # words of which no cache knows; no secret
        self._context = wanted_ctx(load, _CONTEXT)
        self._prompt_tokens, self._answer_tokens = min(_PROMPT_TOKENS, self._context // 2), _ANSWER_TOKENS

    async def compare(self, best: Tuning, variant: Variant) -> Tried:
        """How much faster the variant is; one that cannot even be loaded is not kept."""
        try:
            async with self._running(best) as usual, self._running(variant.tuning) as other:
                await self._settle(usual)
                before = spent([usual.pid, other.pid])
                pairs = await self._pairs(usual, other, variant)
                is_kept = wins(pairs, variant.clear)
                if is_kept and variant.copies:
                    plain = await self._pairs(usual, other, replace(variant, copies=False, clear=_NO_LOSS))
                    is_kept = gain(plain) >= _NO_LOSS
                others = share_of_others(before, spent([usual.pid, other.pid]), os.cpu_count() or 1)
        except EngineError as error:
            return Tried(variant.what, variant.value, 0.0, is_kept=False, problem=error.message)
        return judged(variant, gain(pairs), is_kept=is_kept, others=others)

    async def _pairs(self, usual: ChildEngine, other: ChildEngine, variant: Variant) -> list[tuple[float, float]]:
        pairs = list[tuple[float, float]]()
        await self._seconds(other, variant)  # the first request of an engine is slower
        while not is_decided(pairs, variant.clear):
            if len(pairs) % 2:
                second, first = await self._seconds(other, variant), await self._seconds(usual, variant)
            else:
                first, second = await self._seconds(usual, variant), await self._seconds(other, variant)
            pairs.append((first, second))
        return pairs

    async def _settle(self, engine: ChildEngine) -> None:
        """Let a trial be as long as this machine bears."""
        end = await self._ask(engine, self._text(), _FEWEST_TOKENS)
        reading, writing = end.prompt_ms / max(end.prompt_tokens, 1), end.completion_ms / max(end.completion_tokens, 1)
        self._prompt_tokens = _within(_FEWEST_WORDS, _TRIAL_S * 1000 / max(reading, 0.001), self._prompt_tokens)
        self._answer_tokens = _within(_FEWEST_TOKENS, _TRIAL_S * 1000 / max(writing, 0.001), _ANSWER_TOKENS)

    async def _seconds(self, engine: ChildEngine, variant: Variant) -> float:
        """What the usual request would take: 512 tokens to read, 48 to write. Copies are written only."""
        if variant.copies:
            text = f"{self._dice.random()}\n{_CODE}{_CODE[:100]}"
            end = await self._ask(engine, text, _COPIED_TOKENS, most=self._context // 2)
            return end.completion_ms / max(end.completion_tokens, 1)
        end = await self._ask(engine, self._text(), self._answer_tokens)
        read = end.prompt_ms / max(end.prompt_tokens - end.cached_tokens, 1)
        return (read * _PROMPT_TOKENS + end.completion_ms / max(end.completion_tokens, 1) * _ANSWER_TOKENS) / 1000

    def _text(self) -> str:
        return " ".join(self._dice.choices(_WORDS, k=self._prompt_tokens))

    async def _ask(self, engine: ChildEngine, text: str, tokens: int, *, most: int = 0) -> EngineEnd:
        """Continue the end of a text, of which vocabularies make more or fewer tokens; `most` of them are kept."""
        prompt = (await engine.engine.tokenize(text))[-(most or self._prompt_tokens) :]
        sampling = Sampling(num_predict=tokens, temperature=0.0)
        async with aclosing(engine.engine.complete(EngineCompletion(prompt=prompt, sampling=sampling))) as events:
            async for event in events:
                if isinstance(event, EngineEnd):
                    return event
        raise EngineError("the engine's answer has no end")

    @asynccontextmanager
    async def _running(self, tuning: Tuning) -> AsyncGenerator[ChildEngine, None]:
        services, spec = self._services, self._load.spec
        plain = Placement(num_ctx=self._context, slots=1, threads=compute_threads(), prompt_cache_bytes=0)
        settings = replace(services.settings, prompt_cache_mib=0, speculation=False)
        spec, placement = tuned(_without_wishes(spec), plain, tuning, settings)
        async with opened_files(services.library, spec, translates=settings.translates) as files:
            child = await start_engine(spec, replace(placement, is_final=True), settings=settings, opened=files.spec)
            await files.release(child.pid)
        try:
            yield child
        finally:
            await child.stop()


def _without_wishes(spec: EngineSpec) -> EngineSpec:
    """What is asked for elsewhere has no part in a trial."""
    return replace(
        spec, num_thread=0, num_batch=None, slots=None, kv_cache_type=None, flash_attention=None, speculation=None
    )


def _within(least: int, wanted: float, most: int) -> int:
    return int(min(max(least, wanted), most))
