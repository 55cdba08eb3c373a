"""Engines without a process: what they say, how long a start takes and when they die is the test's to decide."""

from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import anyio

from tampu.audience import Telling, tell_all
from tampu.engine.protocol import (
    EngineChat,
    EngineCompletion,
    EngineEnd,
    EngineEvent,
    EngineProperties,
    EngineScores,
    EngineText,
    EngineVectors,
    LoadProgress,
    StopKind,
)
from tampu.engine.spec import EngineSpec, Placement
from tampu.errors import EngineCrashed


def properties_of(*, num_ctx: int = 4096, slots: int = 4, memory_bytes: int = 0) -> EngineProperties:
    return EngineProperties(
        num_ctx=num_ctx,
        slots=slots,
        media_marker="<__media__>",
        adds_bos=False,
        bos_text="",
        memory_bytes=memory_bytes,
    )


class FakeEngine:
    """Answers everything with `text`, a word at a time. A token is a byte."""

    def __init__(self, text: str = "all is well", *, properties: EngineProperties | None = None) -> None:
        self.text = text
        self.said = properties or properties_of()
        self.requests: list[EngineCompletion | EngineChat] = []
        self.crashes_after: int | None = None
        """The number of words after which it dies."""
        self.may_go_on = anyio.Event()
        self.may_go_on.set()

    @property
    def properties(self) -> EngineProperties:
        return self.said

    def complete(self, request: EngineCompletion) -> Telling[EngineEvent]:
        return Telling(partial(tell_all, self._answer(request)))

    def chat(self, request: EngineChat) -> Telling[EngineEvent]:
        return Telling(partial(tell_all, self._answer(request)))

    async def _answer(self, request: EngineCompletion | EngineChat) -> AsyncGenerator[EngineEvent, None]:
        self.requests.append(request)
        words = self.text.split(" ")
        for count, word in enumerate(words):
            await self.may_go_on.wait()
            if count == self.crashes_after:
                raise EngineCrashed("the engine died", exit_code=-9)
            yield EngineText(word if count == 0 else f" {word}")
        yield EngineEnd(
            stop=StopKind.END,
            prompt_tokens=1,
            cached_tokens=0,
            completion_tokens=len(words),
            prompt_ms=1.0,
            completion_ms=1.0,
        )

    async def render_chat(
        self, messages: Sequence[object], *, tools: Sequence[object] = (), think: object = None
    ) -> str:
        return "\n".join(str(message) for message in messages)

    async def tokenize(self, text: str, *, add_special: bool = True) -> list[int]:
        return list(text.encode())

    async def detokenize(self, tokens: Sequence[int]) -> str:
        return bytes(tokens).decode(errors="replace")

    async def embed(self, inputs: Sequence[str | Sequence[int]], *, normalize: bool = True) -> EngineVectors:
        return EngineVectors(((1.0, 0.0),) * len(inputs), sum(map(len, inputs)))

    async def rerank(self, query: str, documents: Sequence[str]) -> EngineScores:
        return EngineScores(tuple(float(len(item)) for item in documents), sum(map(len, documents)))


class FakeProcess:
    """A running engine. `may_stop` unset makes `stop` wait."""

    def __init__(self, spec: EngineSpec, placement: Placement, *, pid: int, memory_bytes: int = 0) -> None:
        self.spec, self.placement = spec, placement
        self.engine = FakeEngine(
            properties=properties_of(num_ctx=placement.num_ctx, slots=placement.slots, memory_bytes=memory_bytes)
        )
        self.pid = pid
        self.is_alive = True
        self.is_stopped = False
        self.is_useless = anyio.Event()
        """Set it to say that the process has ended or hangs."""
        self.may_stop = anyio.Event()
        self.may_stop.set()

    def die(self) -> None:
        self.is_alive = False

    async def wait_useless(self) -> None:
        await self.is_useless.wait()

    async def stop(self) -> None:
        await self.may_stop.wait()
        self.is_alive = False
        self.is_stopped = True


@dataclass
class FakeEngines:
    """Stands for `start_engine`. Starts wait for `release` while `is_held`; `refuse` may raise for a placement."""

    is_held: bool = False
    refuse: Callable[[EngineSpec, Placement], Exception | None] = lambda spec, placement: None
    memory_bytes: Callable[[Placement], int] = lambda placement: 0
    starts: list[tuple[EngineSpec, Placement]] = field(default_factory=list)
    processes: list[FakeProcess] = field(default_factory=list)
    aborted: int = 0
    loading: int = 0
    most_loading: int = 0
    _held: list[anyio.Event] = field(default_factory=list)
    _reports: list[Callable[[LoadProgress], None]] = field(default_factory=list)

    async def start(
        self, spec: EngineSpec, placement: Placement, on_progress: Callable[[LoadProgress], None]
    ) -> FakeProcess:
        self.starts.append((spec, placement))
        self._reports.append(on_progress)
        self.loading += 1
        self.most_loading = max(self.most_loading, self.loading)
        try:
            if self.is_held:
                gate = anyio.Event()
                self._held.append(gate)
                await gate.wait()
        except BaseException:
            self.aborted += 1
            raise
        finally:
            self.loading -= 1
        if error := self.refuse(spec, placement):
            raise error
        process = FakeProcess(spec, placement, pid=1000 + len(self.starts), memory_bytes=self.memory_bytes(placement))
        self.processes.append(process)
        return process

    def release(self) -> None:
        """Let the starts that wait now go on."""
        for gate in self._held:
            gate.set()
        self._held.clear()

    def report(self, fraction: float) -> None:
        """The load that began last is so far."""
        self._reports[-1](LoadProgress(fraction))

    @property
    def running(self) -> list[FakeProcess]:
        return [process for process in self.processes if not process.is_stopped]

    @property
    def names(self) -> list[str]:
        """The models started, in order, by the stem of their file."""
        return [spec.model_path.stem for spec, _ in self.starts]
