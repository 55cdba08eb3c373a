"""Runs the server: listens, opens the services, serves until a signal (or long idleness), and leaves tidily."""

import logging
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final

import anyio

from tampu.config import Settings, places_of_settings
from tampu.errors import StoreError
from tampu.operations.identity import ensure_identity
from tampu.operations.imports import keep_imported
from tampu.operations.reload import reload
from tampu.operations.services import open_services
from tampu.server.activity import Activity
from tampu.server.app import Replaceable, build_app
from tampu.server.bindings import bind_operations
from tampu.server.listen import listen
from tampu.server.open_files import allow_many
from tampu.server.passed_over import PassedOver
from tampu.server.server import Server
from tampu.server.settings_watch import Reread, SettingsWatch
from tampu.server.startup_log import log_change, log_place, log_settings
from tampu.server.stopping import Stopping
from tampu.server.underway import Underway
from tampu.telemetry.logs import logging_to, set_level
from tampu.telemetry.recent import RecentLines

_log = logging.getLogger("tampu.server")
_TO_STOP = (signal.SIGINT, signal.SIGTERM)
_MAKE_WAY = getattr(signal, "SIGQUIT", None)
"""Another server is about to take over: nothing new is taken, and what was asked is answered to its end."""
_HANGUP = getattr(signal, "SIGHUP", None)
"""The terminal is gone, or somebody wants settings read anew. Windows has none."""
_HANGUP_S: Final = 1.0


def serve(settings: Settings, *, exits_when_idle: bool = False, reread: Reread = Settings.read) -> None:
    """Serve until SIGINT or SIGTERM, then unload all models and return; raises ListenFailed.

    `exits_when_idle`: also return after `settings.idle_exit_s` without requests (a server that a command started).
    `reread`: how the settings are read anew when their file changes and on SIGHUP.
    """
    allow_many()
    recent = RecentLines()
    with logging_to(level=settings.log_level, recent=recent), listen(settings.address) as listener:
        _introduce(settings)
        options = {"use_uvloop": _has_uvloop()}
        anyio.run(_serve, settings, listener, exits_when_idle, reread, recent, backend_options=options)


def _introduce(settings: Settings) -> None:
    """See that there is an identity. Without one the server still does everything that needs no account."""
    try:
        report = ensure_identity(settings.home)
    except StoreError as error:
        _log.warning("no identity, so private models cannot be pulled", extra={"error": error.message})
        return
    if report:
        sys.stdout.write(f"{report}\n")
        sys.stdout.flush()


async def _serve(
    settings: Settings,
    listener: socket.socket,
    exits_when_idle: bool,
    reread: Reread = Settings.read,
    recent: RecentLines | None = None,
) -> None:
    activity, stopping = Activity(), Stopping()
    log_settings(settings)
    with _signals_to_stop() as signals:
        async with open_services(settings, log=recent) as services:
            build = partial(
                build_app,
                bind_operations(services),
                activity=activity,
                stopping=stopping,
                underway=Underway(),
                passed_over=PassedOver(),
            )
            app = Replaceable(build(settings))
            server = Server(app, stopping=stopping)
            log_place(*listener.getsockname()[:2])

            async def apply(new: Settings) -> None:
                changed = await reload(services, new)
                set_level(changed.settings.log_level)
                app.app = build(changed.settings)
                log_change(changed)

            watch = SettingsWatch(reread, places_of_settings(), apply, services.current)
            async with anyio.create_task_group() as group:
                group.start_soon(_heed_signals, signals, server, watch, recent)
                group.start_soon(watch.run)
                if exits_when_idle:
                    group.start_soon(_stop_when_idle, server, activity, settings.idle_exit_s)
                group.start_soon(keep_imported, services)
                await server.serve(sockets=[listener])
                group.cancel_scope.cancel()


@contextmanager
def _signals_to_stop() -> Iterator[AsyncIterator[signal.Signals]]:
    """The signals as they come. A second one does not kill a server that unloads, nor a process that is ending."""
    taken = (*_TO_STOP, *(number for number in (_HANGUP, _MAKE_WAY) if number is not None))
    with anyio.open_signal_receiver(*taken) as signals:
        yield signals
    for number in taken:
        signal.signal(number, signal.SIG_IGN)


async def _heed_signals(
    signals: AsyncIterator[signal.Signals], server: Server, watch: SettingsWatch, recent: RecentLines | None
) -> None:
    has_terminal = _has_terminal()
    async for number in signals:
        if number == _HANGUP and not (has_terminal and await _terminal_is_gone()):
            _log.info("SIGHUP: reading the settings anew")
            watch.look_now()
            continue
        _log.info("stopping: %s", number.name)
        if recent is not None:
            recent.is_over = True  # who follows the log is no reason to stay
        if number == _MAKE_WAY:
            server.make_way()
        else:
            server.stop()


async def _terminal_is_gone() -> bool:
    """Whether the terminal that the server was started in hung up, and nobody just sent the signal.

    A shell that ends tells its jobs a moment before its terminal goes.
    """
    with anyio.move_on_after(_HANGUP_S):
        while _has_terminal():  # noqa: ASYNC110  # no event tells it
            await anyio.sleep(_HANGUP_S / 10)
        return True
    return False


async def _stop_when_idle(server: Server, activity: Activity, idle_s: float) -> None:
    if idle_s == float("inf"):
        return
    await activity.wait_until_idle(idle_s)
    _log.info("stopping: no request for %.0f s", idle_s)
    server.stop()


def _has_terminal() -> bool:
    """Whether there is a terminal that has not hung up."""
    try:
        return sys.stdin is not None and sys.stdin.isatty()
    except ValueError:  # closed
        return False


def _has_uvloop() -> bool:
    try:
        # Not on every system; asyncio's own loop serves there.
        import uvloop  # noqa: F401, PLC0415
    except ImportError:
        return False
    return True
