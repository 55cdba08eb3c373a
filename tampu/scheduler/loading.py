"""One load under way: it starts an engine, tries again where that may help, and can be aborted.

Memory that runs out is tried again with less, for as long as there is less. An engine that somebody ended while it
loaded is started once more: that says nothing of the model.
"""

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
        request, was_ended = self.plan.request, False
        while True:
            try:
                process = await start_engine(request.spec, self.plan.placement, on_progress)
            except EngineOutOfMemory:
                if not self._shrink(limits):
                    raise
                continue
            except EngineStartFailed as error:
                if was_ended or not error.was_ended:
                    raise
                was_ended = True
                _log.warning("the engine was ended while it loaded, trying again", extra={"model": request.name})
                continue
            said = process.engine.properties
            placement = as_loaded(self.plan.placement, slots=said.slots, memory_bytes=said.memory_bytes)
            self.plan = replace(self.plan, placement=placement)
            return process

    def _shrink(self, limits: Limits) -> bool:
        """Plan with less memory; False where there is nothing to save."""
        request, placement = self.plan.request, self.plan.placement
        less = smaller(placement, request, limits)
        if less is None:
            return False
        sizes = {"model": request.name, "slots": less.slots, "num_ctx": less.num_ctx}
        _log.warning("out of memory while loading, trying again with less", extra=sizes)
        self.plan = replace(self.plan, placement=less, refused=self.plan.refused or placement)
        return True

    def _unexpected(self, error: Exception) -> TampuError:
        name = self.plan.request.name
        _log.error("unexpected error while loading", extra={"model": name}, exc_info=error)
        return EngineStartFailed(f"the engine of {name} could not be started: {error or type(error).__name__}")
