"""What operations work with, opened once for the life of a server and closed in order."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

import anyio
from anyio import to_thread

from tampu.config import Settings, engine_environment
from tampu.engine.abilities import program_of
from tampu.engine.device_list import devices_of
from tampu.engine.logs import EngineLogs
from tampu.engine.process import ChildEngine, start_engine
from tampu.engine.spec import EngineSpec, Placement
from tampu.engine.speculation import Payoffs
from tampu.errors import EngineStartFailed
from tampu.hardware.accelerators import Device, accelerators
from tampu.hardware.devices import compute_threads
from tampu.hardware.memory import available_memory
from tampu.operations.current import CurrentSettings
from tampu.operations.facts import FactsCache
from tampu.operations.translation import opened_files
from tampu.registry.pulls import Pulls, open_pulls
from tampu.registry.pushes import Pushes, open_pushes
from tampu.scheduler.placement import SMALLEST_AUTOMATIC_CTX
from tampu.scheduler.records import Limits, ProgressCallback
from tampu.scheduler.scheduler import Scheduler
from tampu.state.database import Database, opened_database
from tampu.store.gc import open_folder
from tampu.store.library import Library
from tampu.telemetry.recent import RecentLines

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Services:
    """The parts that an operation may use."""

    current: CurrentSettings
    library: Library
    facts: FactsCache
    scheduler: Scheduler
    pulls: Pulls
    pushes: Pushes
    log: RecentLines
    engine_logs: EngineLogs
    database: Database
    tuning: anyio.Semaphore = field(default_factory=lambda: anyio.Semaphore(1))
    """Held while a model is tuned."""

    @property
    def settings(self) -> Settings:
        """Those in force now."""
        return self.current.value


async def _devices(settings: Settings) -> tuple[Device, ...]:
    """What the engine in use can compute on beside the processor; it is asked only where a driver runs."""
    if settings.llm_library.startswith("cpu") or not accelerators():
        return ()
    environment = engine_environment()
    try:
        return await devices_of(await to_thread.run_sync(program_of, settings, environment), environment)
    except EngineStartFailed:
        return ()  # whoever loads a model is told


async def limits_for(settings: Settings) -> Limits:
    """What the settings come to on this machine; the log is told what of them cannot be."""
    limits = Limits.of_settings(settings, cores=compute_threads(), devices=await _devices(settings))
    _tell_what_is_not_heeded(settings, limits)
    return limits


def _tell_what_is_not_heeded(settings: Settings, limits: Limits) -> None:
    if limits.kv_cache_type != settings.kv_cache_type:
        _log.warning("a quantized key/value cache needs flash attention, which is off; it is %s", limits.kv_cache_type)
    if settings.llm_library and not settings.llm_library.startswith("cpu"):
        _log.warning("OLLAMA_LLM_LIBRARY=%s chooses nothing here; `cpu` means no GPU", settings.llm_library)


@asynccontextmanager
async def open_services(settings: Settings, *, log: RecentLines | None = None) -> AsyncIterator[Services]:
    """Ready the models folder, then everything on top; raises StoreError. Leaving stops every engine.

    `log`: where the end of the server's own log is kept, if it is.
    """
    library = Library(settings.models_folder)
    ready = partial(open_folder, library, prune_leftovers=not settings.no_prune, partial_age_s=settings.keep_partial_s)
    pruned = await to_thread.run_sync(ready)
    if pruned.files:
        _log.info("unused blobs removed", extra={"files": pruned.files, "bytes": pruned.bytes})
    if not pruned.skipped:
        _log.info("total blobs: %d", pruned.kept)
    _log.info("where no context length is set it starts here", extra={"default_num_ctx": SMALLEST_AUTOMATIC_CTX})
    limits = await limits_for(settings)
    payoffs, current, engine_logs = Payoffs(), CurrentSettings(settings), EngineLogs()

    async def start(spec: EngineSpec, placement: Placement, on_progress: ProgressCallback) -> ChildEngine:
        async with opened_files(library, spec, translates=settings.translates) as files:
            with engine_logs.noting_failure(spec.model_path):
                child = await start_engine(
                    spec, placement, settings=current.value, on_progress=on_progress, payoffs=payoffs, opened=files.spec
                )
            engine_logs.note(spec.model_path, child.log)
            await files.release(child.pid)
            return child

    async with (
        open_pulls(settings) as pulls,
        open_pushes(settings.home, pulls.clients) as pushes,
        opened_database(settings.home) as database,
        Scheduler(start, available_memory, limits) as scheduler,
    ):
        yield Services(
            current,
            library,
            FactsCache(library, settings),
            scheduler,
            pulls,
            pushes,
            log or RecentLines(),
            engine_logs,
            database,
        )
