"""One request and its answer: reading the body within a limit, answering once, answering in pieces."""

import ipaddress
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import cast

import anyio.to_thread

from tampu.api.dialect import Call, Reply
from tampu.arrival import Arrival
from tampu.config import Settings
from tampu.deferred import loaded
from tampu.errors import BadRequest, Overloaded
from tampu.server.asgi import Receive, Scope, Send, answer, header, when_gone, write_at_once
from tampu.server.operations import Operations
from tampu.server.passed_over import PassedOver
from tampu.server.stopping import Stopping
from tampu.server.underway import Underway

MAX_BODY_BYTES = 64 * 1024**2
"""The largest JSON body: room for a dozen photos. Uploads of blobs are streamed and not limited."""

_PROXIES_SAY = (b"forwarded", b"x-forwarded-for", b"x-real-ip", b"via")


@dataclass(frozen=True, slots=True)
class Behind:
    """What stands behind the routes."""

    operations: Operations
    settings: Settings
    stopping: Stopping
    underway: Underway = field(default_factory=Underway)
    passed_over: PassedOver = field(default_factory=PassedOver)


class ClientGone(Exception):
    """The client left while its request was being read; there is nobody to answer."""


class Exchange:
    """One request being answered. Reading and writing wait; nothing else here does."""

    __slots__ = ("_scope", "_send", "behind", "has_begun", "is_over", "parameters", "receive", "write_at_once")

    def __init__(
        self, behind: Behind, scope: Scope, receive: Receive, send: Send, *, parameters: Mapping[str, str]
    ) -> None:
        self._scope, self._send, self.write_at_once = scope, send, write_at_once(scope)
        self.behind, self.receive, self.parameters = behind, receive, parameters
        self.has_begun = self.is_over = False

    @property
    def request_id(self) -> str:
        """What the log calls this request."""
        return str(self._scope["request_id"])

    @property
    def arrival(self) -> Arrival:
        """When the request came, and from whom. Programs on one machine are told apart by what they call themselves."""
        client = f"{self._client_host} {header(self._scope, b'user-agent')}"
        return Arrival(int(self._scope["started_ns"]), client, self.request_id)

    @property
    def is_from_here(self) -> bool:
        """Whether a program on this machine asks for itself, not for another one behind a proxy."""
        return _is_loopback(self._client_host) and not any(header(self._scope, name) for name in _PROXIES_SAY)

    def when_gone(self, callback: Callable[[], None]) -> AbstractContextManager[None]:
        """Inside, `callback` is called as soon as the client is gone. Read the request's body before."""
        return when_gone(self._scope, callback)

    @property
    def _client_host(self) -> str:
        return str((self._scope.get("client") or ("", 0))[0])

    def bodiless_call(self) -> Call:
        """The request for a dialect, its body unread."""
        named = {name.decode("latin-1"): value.decode("latin-1") for name, value in self._scope["headers"]}
        query = self._scope["query_string"].decode("latin-1")
        return Call(b"", self.parameters, named.get("user-agent", ""), query, named, self.request_id)

    async def call(self) -> Call:
        """The request for a dialect, its body read whole; raises Overloaded, BadRequest if too long, ClientGone."""
        self._check_crowd()
        announced = header(self._scope, b"content-length")
        if announced.isdigit() and int(announced) > MAX_BODY_BYTES:
            raise _too_long()
        pieces: list[bytes] = []
        length = 0
        async for piece in self.pieces():
            length += len(piece)
            if length > MAX_BODY_BYTES:
                raise _too_long()
            pieces.append(piece)
        body = await self._unpacked(b"".join(pieces))
        agent, kind = header(self._scope, b"user-agent"), header(self._scope, b"content-type")
        passed_over = self.behind.passed_over.on(self._scope["path"])
        return Call(
            body, self.parameters, agent, request_id=self.request_id, content_type=kind, passed_over=passed_over
        )

    async def _unpacked(self, body: bytes) -> bytes:
        """The body as it was before it was packed; native routes take none that is, as in Ollama."""
        if header(self._scope, b"content-encoding").lower() != "zstd" or not self._scope["path"].startswith("/v1/"):
            return body
        unpacked = await loaded("tampu.server.packed", "unpacked")
        return cast("bytes", await anyio.to_thread.run_sync(unpacked, body, MAX_BODY_BYTES))

    def _check_crowd(self) -> None:
        """Refuse work beyond the limit of the settings; who only asks how things stand is answered."""
        most = self.behind.settings.max_connections
        if most and self._scope["method"] == "POST" and self.behind.underway.count >= most:
            raise Overloaded(f"the server answers {most} requests at once, the most that its settings allow; try again")

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body as it comes; raises ClientGone."""
        more = True
        while more:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            more = message.get("more_body", False)
            if piece := message.get("body", b""):
                yield piece

    async def reply(self, reply: Reply) -> None:
        """Send a whole answer."""
        self.has_begun = self.is_over = True
        described = () if reply.content_type is None else ((b"content-type", reply.content_type.encode()),)
        more = tuple((name.encode(), value.encode()) for name, value in reply.headers)
        await answer(self._send, reply.status, reply.body, (*described, *more))

    @property
    def authorization(self) -> str:
        """What the client offers to be let in; empty if nothing."""
        return header(self._scope, b"authorization")

    @property
    def wants_head_only(self) -> bool:
        """Whether the answer's body would be thrown away."""
        return bool(self._scope["method"] == "HEAD")

    async def begin_with(self, status: int, headers: tuple[tuple[str, str], ...]) -> None:
        """Begin an answer in pieces whose headers are all given, its length among them."""
        self.has_begun = True
        described = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        await self._send({"type": "http.response.start", "status": status, "headers": described})

    async def begin(self, content_type: str, headers: Iterable[tuple[str, str]] = ()) -> None:
        """Begin an answer in pieces; its status is 200."""
        self.has_begun = True
        described = [(name.encode(), value.encode()) for name, value in (("content-type", content_type), *headers)]
        await self._send({"type": "http.response.start", "status": 200, "headers": described})

    async def write(self, piece: bytes) -> None:
        """Send a piece, not an empty one; it goes out at once, and what the client has not taken is waited for.

        `write_at_once` says whether it wrote a piece, without waiting.
        """
        if not self.write_at_once(piece):
            await self._send({"type": "http.response.body", "body": piece, "more_body": True})

    async def end(self, piece: bytes = b"") -> None:
        """Send the last piece."""
        self.is_over = True
        await self._send({"type": "http.response.body", "body": piece})


def _is_loopback(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def _too_long() -> BadRequest:
    return BadRequest(
        f"the request body is longer than {MAX_BODY_BYTES // 1024**2} MiB, the most that is accepted; send less at once"
    )
