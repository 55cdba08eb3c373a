"""One load under way: it starts an engine, tries again smaller when memory runs out, and can be aborted."""

import logging
from dataclasses import replace

import anyio

from tampu.engine.protocol import EngineProcess
from tampu.errors import EngineOutOfMemory, EngineStartFailed, TampuError
from tampu.scheduler.placement import as_loaded, smaller
from tampu.scheduler.records import Limits, LoadPlan, ProgressCallback, StartEngine

_log = logging.getLogger(__name__)


class Loading:
    """`run` it once. `outcome` is then the process, or what went wrong, or None if it was aborted."""

    def __init__(self, plan: LoadPlan) -> None:
        self.plan = plan
        self.unload_when_idle = False
        """Somebody asked to unload the model while it was being loaded."""
        self.outcome: EngineProcess | TampuError | None = None
        self.done = anyio.Event()
        self._scope = anyio.CancelScope()

    def abort(self) -> None:
        """Nobody wants it any more."""
        self._scope.cancel()

    async def run(self, start_engine: StartEngine, limits: Limits, on_progress: ProgressCallback) -> None:
        """Load, whatever it takes; `plan` becomes what was loaded in the end."""
        try:
            with self._scope:
                self.outcome = await self._start(start_engine, limits, on_progress)
        except TampuError as error:
            self.outcome = error
        except Exception as error:  # noqa: BLE001  # the border of a background job: its clients get the error
            self.outcome = self._unexpected(error)
        finally:
            self.done.set()

    async def _start(self, start_engine: StartEngine, limits: Limits, on_progress: ProgressCallback) -> EngineProcess:
        request = self.plan.request
        while True:
            placement = self.plan.placement
            try:
                process = await start_engine(request.spec, placement, on_progress)
            except EngineOutOfMemory:
                less = smaller(placement, request, limits)
                if less is None:
                    raise
                sizes = {"model": request.name, "slots": less.slots, "num_ctx": less.num_ctx}
                _log.warning("out of memory while loading, trying again with less", extra=sizes)
                self.plan = replace(self.plan, placement=less, refused=self.plan.refused or placement)
                continue
            said = process.engine.properties
            placement = as_loaded(placement, slots=said.slots, memory_bytes=said.memory_bytes)
            self.plan = replace(self.plan, placement=placement)
            return process

    def _unexpected(self, error: Exception) -> TampuError:
        name = self.plan.request.name
        _log.error("unexpected error while loading", extra={"model": name}, exc_info=error)
        return EngineStartFailed(f"the engine of {name} could not be started: {error or type(error).__name__}")
