"""Runs the server: listens, opens the services, serves until a signal (or long idleness), and leaves tidily."""

import logging
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from functools import partial

import anyio

from tampu.config import Settings
from tampu.errors import StoreError
from tampu.operations.identity import ensure_identity
from tampu.operations.imports import keep_imported
from tampu.operations.services import open_services
from tampu.server.activity import Activity
from tampu.server.app import build_app
from tampu.server.bindings import bind_operations
from tampu.server.listen import listen
from tampu.server.server import Server
from tampu.server.startup_log import log_place, log_settings
from tampu.server.stopping import Stopping
from tampu.telemetry.logs import logging_to

_log = logging.getLogger("tampu.server")
_TO_STOP = (signal.SIGINT, signal.SIGTERM)
_HANGUP = getattr(signal, "SIGHUP", None)
"""The terminal is gone or, where there never was one, somebody who wants settings read anew. Windows has none."""


def serve(settings: Settings, *, exits_when_idle: bool = False) -> None:
    """Serve until SIGINT or SIGTERM, then unload all models and return; raises ListenFailed.

    `exits_when_idle`: also return after `settings.idle_exit_s` without requests (a server that a command started).
    """
    with logging_to(level=settings.log_level), listen(settings.address) as listener:
        _introduce(settings)
        options = {"use_uvloop": _has_uvloop()}
        anyio.run(_serve, settings, listener, exits_when_idle, backend_options=options)


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


async def _serve(settings: Settings, listener: socket.socket, exits_when_idle: bool) -> None:
    activity, stopping = Activity(), Stopping()
    log_settings(settings)
    with _signals_to_stop() as signals:
        async with open_services(settings) as services:
            app = build_app(bind_operations(services), settings, activity=activity, stopping=stopping)
            server = Server(app, stopping=stopping)
            log_place(*listener.getsockname()[:2])
            async with anyio.create_task_group() as group:
                group.start_soon(partial(_stop_on_signal, signals, server, has_terminal=_has_terminal()))
                if exits_when_idle:
                    group.start_soon(_stop_when_idle, server, activity, settings.idle_exit_s)
                group.start_soon(keep_imported, services)
                await server.serve(sockets=[listener])
                group.cancel_scope.cancel()


@contextmanager
def _signals_to_stop() -> Iterator[AsyncIterator[signal.Signals]]:
    """The signals as they come. A second one does not kill a server that unloads, nor a process that is ending."""
    taken = _TO_STOP if _HANGUP is None else (*_TO_STOP, _HANGUP)
    with anyio.open_signal_receiver(*taken) as signals:
        yield signals
    for number in taken:
        signal.signal(number, signal.SIG_IGN)


async def _stop_on_signal(signals: AsyncIterator[signal.Signals], server: Server, *, has_terminal: bool) -> None:
    async for number in signals:
        if number == _HANGUP and not has_terminal:
            _log.warning("SIGHUP: settings are read at the start only; start anew to change them")
            continue
        _log.info("stopping: %s", number.name)
        server.stop()


async def _stop_when_idle(server: Server, activity: Activity, idle_s: float) -> None:
    if idle_s == float("inf"):
        return
    await activity.wait_until_idle(idle_s)
    _log.info("stopping: no request for %.0f s", idle_s)
    server.stop()


def _has_terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()


def _has_uvloop() -> bool:
    try:
        # Not on every system; asyncio's own loop serves there.
        import uvloop  # noqa: F401, PLC0415
    except ImportError:
        return False
    return True
