"""Gives each request an id and writes one line of log when it is over. Prompts are never written."""

import logging
import secrets
import time

from tampu.server.activity import Activity
from tampu.server.asgi import App, Message, Receive, Scope, Send
from tampu.units import format_duration

_log = logging.getLogger("tampu.access")


class RequestLog:
    """The middleware. It also tells `activity` that somebody is here."""

    def __init__(self, app: App, *, activity: Activity) -> None:
        self._app, self._activity = app, activity

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_id = scope["request_id"] = secrets.token_hex(6)
        started_ns = scope["started_ns"] = time.perf_counter_ns()
        status = 0

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
            await send(message)

        with self._activity.request():
            try:
                await self._app(scope, receive, send_and_note)
            finally:
                if _log.isEnabledFor(logging.INFO):
                    _write(scope, status, time.perf_counter_ns() - started_ns)


def _write(scope: Scope, status: int, duration_ns: int) -> None:
    client = scope["client"][0] if scope.get("client") else "-"
    # A status of 0: the client left before there was an answer.
    _log.info(
        "%d | %12s | %s | %s %r | %s",
        status,
        format_duration(duration_ns),
        client,
        scope["method"],
        scope["path"],
        scope["request_id"],
    )
