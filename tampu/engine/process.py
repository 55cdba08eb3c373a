"""Starts an engine's process, waits until it is ready, and ends it: nothing of it is left behind."""

import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

import anyio

from tampu.config import Settings
from tampu.engine.abilities import Program, program_of
from tampu.engine.client import EngineClient
from tampu.engine.connection import Address
from tampu.engine.keeper import Keeper
from tampu.engine.launch import Launch, engines_environment, prepare_launch, remove_folder
from tampu.engine.loading import (
    failure_of,
    loaded_fraction,
    resident_bytes,
    vitals_of,
    wait_until_settled,
)
from tampu.engine.log_watch import LogTail, why_no_draft
from tampu.engine.protocol import LoadProgress
from tampu.engine.pulse import LOOK_S, Pulse, Vitals
from tampu.engine.reuse import Reuse, reuse_of
from tampu.engine.spec import EngineSpec, Placement
from tampu.engine.speculation import Payoffs
from tampu.engine.tuning import read_tuning, tuned, tuning_path
from tampu.errors import EngineCrashed, EngineStartFailed

STOP_GRACE_S: Final = 2.0
KILL_GRACE_S: Final = 10.0
SAMPLE_S: Final = 0.25
LAST_WORDS_S: Final = 1.0
"""How long after a lost connection the end of the process is waited for, which says why."""

STUCK: Final = "the engine stood still while it worked on the request, and was ended; try again"

_log = logging.getLogger(__name__)
OnProgress = Callable[[LoadProgress], None]


class ChildEngine:
    """A running engine: implements `EngineProcess`."""

    def __init__(self, keeper: Keeper, client: EngineClient, launch: Launch, *, guesses: bool) -> None:
        self._keeper, self._client, self._guesses = keeper, client, guesses
        self._folder, self._is_bundled = launch.folder, launch.is_bundled
        self._is_stuck = False

    @property
    def engine(self) -> EngineClient:
        return self._client

    @property
    def pid(self) -> int:
        return self._keeper.pid

    @property
    def is_alive(self) -> bool:
        return self._keeper.is_alive

    @property
    def log(self) -> LogTail:
        """What the engine writes; it outlives the engine."""
        return self._keeper.log

    @property
    def log_tail(self) -> str:
        """The end of what the engine wrote."""
        return self._keeper.log.text()

    @property
    def system_info(self) -> str:
        """What the engine says that it was built for; "" where it does not."""
        return self._keeper.log.system_info

    async def wait_ended(self) -> int | None:
        """Wait until the process is gone, by whatever cause; its exit code, negative for a signal."""
        await self._keeper.ended.wait()
        return self._keeper.exit_code

    async def wait_useless(self) -> None:
        pulse = Pulse(anyio.current_time())
        while self.is_alive:
            with anyio.move_on_after(LOOK_S):
                await self._keeper.ended.wait()
            work, now = self._client.work(), anyio.current_time()
            if self.is_alive and not pulse.is_fine(work, now):
                vitals = await anyio.to_thread.run_sync(vitals_of, self._keeper, self._is_bundled)
                # A step that checks guesses is one of many tokens, and may take as long as reading a prompt.
                turns = self._guesses or not work.is_between_tokens or await self._client.turns(LOOK_S)
                if pulse.is_stuck(work, vitals, now, turns=turns):
                    self._client.give_up(STUCK)
                    self._is_stuck = True
                    return
            if not work.open:
                await self._write_prompts_down()

    async def _write_prompts_down(self) -> None:
        prompts = self._client.prompts
        if prompts is not None and prompts.has_news and self.is_alive and not self._is_stuck:
            await prompts.write_down()

    async def stop(self) -> None:
        with anyio.CancelScope(shield=True):
            await self._write_prompts_down()
            await self._client.close()
            # One that hangs does not hear a polite word; who waits for the next one shall not wait for that.
            grace_s = 0.0 if self._is_stuck else STOP_GRACE_S
            await self._keeper.end(grace_s=grace_s, kill_grace_s=KILL_GRACE_S)
            await anyio.to_thread.run_sync(remove_folder, self._folder)


async def start_engine(
    spec: EngineSpec,
    placement: Placement,
    *,
    settings: Settings,
    on_progress: OnProgress = lambda _: None,
    environment: Mapping[str, str] | None = None,
    payoffs: Payoffs | None = None,
    opened: EngineSpec | None = None,
) -> ChildEngine:
    """Start an engine and wait until it can answer.

    Raises EngineStartFailed or EngineOutOfMemory; then, and when cancelled, the child is gone. A load that shows no
    sign of life for `settings.load_timeout_s` has failed. `environment`: what the child may see instead of the
    scrubbed environment of this process. `payoffs`: what guessing ahead brought so far. `opened`: the same spec with
    the files that the engine is to open in the place of stored ones, by which it is known.
    """
    program = await anyio.to_thread.run_sync(program_of, settings, engines_environment(environment))
    spec, placement = await anyio.to_thread.run_sync(_as_tuned, spec, placement, program, settings)
    reuse = await anyio.to_thread.run_sync(reuse_of, spec, placement, settings, payoffs or Payoffs(), program)
    prepare = partial(prepare_launch, environment=environment, extras=reuse.parameters)
    launch = await anyio.to_thread.run_sync(prepare, opened or spec, placement, settings, program)
    keeper = Keeper(
        launch.command, environment=launch.environment, first_line=launch.first_line, mark=launch.ready_mark
    )
    guesses = reuse.guesses or spec.draft_num_predict > 0
    child = ChildEngine(keeper, _client(launch, keeper, reuse), launch, guesses=guesses)
    try:
        await _load(child, keeper, launch, on_progress, settings.load_timeout_s)
    except BaseException:
        await child.stop()
        raise
    if reason := why_no_draft(keeper.log.lines()):
        _log.warning("the draft model is of no use to the model, which answers without it", extra={"reason": reason})
    on_progress(LoadProgress(1.0))
    return child


def _as_tuned(
    spec: EngineSpec, placement: Placement, program: Program, settings: Settings
) -> tuple[EngineSpec, Placement]:
    return tuned(spec, placement, read_tuning(tuning_path(spec, program, settings)), settings)


async def _load(child: ChildEngine, keeper: Keeper, launch: Launch, on_progress: OnProgress, stall_s: float) -> None:
    try:
        await keeper.start()
    except OSError as error:
        raise EngineStartFailed(f"the engine's process cannot be started: {error.strerror or error}") from error
    is_settled = False
    async with anyio.create_task_group() as group:
        group.start_soon(_watch_progress, keeper, launch, on_progress, stall_s, group.cancel_scope)
        await wait_until_settled(keeper, child.engine, launch)
        is_settled = True
        group.cancel_scope.cancel()
    if not is_settled:
        raise EngineStartFailed(
            f"timed out waiting for the engine to load the model: no progress for {stall_s:g} s",
            log_tail=keeper.log.text(),
        )
    if not keeper.is_alive:
        raise failure_of(launch, keeper)
    try:
        await child.engine.introduce(memory_bytes=resident_bytes(keeper.pid))
        if child.engine.prompts is not None:
            await child.engine.prompts.open()
    except EngineCrashed:
        with anyio.move_on_after(LAST_WORDS_S):
            await keeper.ended.wait()
            raise failure_of(launch, keeper) from None
        raise


async def _watch_progress(
    keeper: Keeper, launch: Launch, on_progress: OnProgress, stall_s: float, load: anyio.CancelScope
) -> None:
    """Report how far the load is; cancels it once nothing has moved for `stall_s`."""
    seen, told = Vitals(), -1.0
    moved_at = anyio.current_time()
    while anyio.current_time() - moved_at <= stall_s:
        # To look for the children of a binary takes a walk through all processes of the machine.
        vitals = await anyio.to_thread.run_sync(vitals_of, keeper, launch.is_bundled, abandon_on_cancel=True)
        if vitals != seen:
            seen, moved_at = vitals, anyio.current_time()
        fraction = loaded_fraction(vitals, launch.weights_bytes)
        if fraction > told:
            told = fraction
            on_progress(LoadProgress(fraction))
        await anyio.sleep(min(SAMPLE_S, stall_s / 4))
    load.cancel()


def _client(launch: Launch, keeper: Keeper, reuse: Reuse) -> EngineClient:
    endpoint = launch.endpoint
    return EngineClient(
        Address(None if endpoint.socket is None else str(endpoint.socket), endpoint.port),
        key=launch.key,
        exit_code=lambda: keeper.exit_code,
        constraints=keeper.log.constraints if launch.is_bundled else None,
        reuse=reuse,
    )
