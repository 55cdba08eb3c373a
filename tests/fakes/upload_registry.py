"""A registry that takes uploads and can be told to misbehave: the other side of every push test.

It keeps what it has received of a part that was cut, and tells how much that is, as the OCI specification wants it.
Two names of one server play two hosts: `host` (127.0.0.1) is the registry, `other` (localhost) is where parts may go.
"""

import asyncio
import hashlib
import itertools
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Self

from aiohttp import web


@dataclass
class Asked:
    """One request as the server saw it, and how many bytes of its body came."""

    kind: str
    method: str
    path: str
    host: str
    headers: dict[str, str]
    received: int = 0


@dataclass
class Upload:
    """What one upload has received; `parts` those that went to another place, by where they begin."""

    content: bytearray = field(default_factory=bytearray)
    parts: dict[int, bytes] = field(default_factory=dict)


Fault = Callable[["UploadRegistry", web.Request, Asked], Awaitable[web.StreamResponse]]


class UploadRegistry:
    """`async with UploadRegistry() as registry`. Kinds of requests: head, begin, part, status, end, manifest, place."""

    def __init__(self, *, redirects: bool = False) -> None:
        self.redirects = redirects
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[str, bytes] = {}
        self.uploads: dict[str, Upload] = {}
        self.asked: list[Asked] = []
        self.lost = 0
        """Clients that left while they were made to wait."""
        self._numbers = itertools.count(1)
        self._faults: dict[str, list[Fault]] = defaultdict(list)

    async def __aenter__(self) -> Self:
        application = web.Application()
        application.router.add_route("*", "/{tail:.*}", self._handle)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = site._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def other(self) -> str:
        return f"localhost:{self.port}"

    def script(self, kind: str, *faults: Fault) -> None:
        """What goes wrong with the next requests of a kind."""
        self._faults[kind] += faults

    def of_kind(self, *kinds: str) -> list[Asked]:
        return [asked for asked in self.asked if asked.kind in kinds]

    @property
    def bytes_received(self) -> int:
        return sum(asked.received for asked in self.of_kind("part", "place"))

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        asked = Asked(_kind(request), request.method, request.path_qs, request.headers["Host"], dict(request.headers))
        self.asked.append(asked)
        if self._faults[asked.kind]:
            return await self._faults[asked.kind].pop(0)(self, request, asked)
        return await self.answer(request, asked)

    async def answer(self, request: web.Request, asked: Asked) -> web.StreamResponse:
        """The answer of a registry that behaves."""
        number = request.path.rpartition("/")[2]
        match asked.kind:
            case "head":
                return web.Response(status=200 if number in self.blobs else 404)
            case "begin":
                self.uploads[number := str(next(self._numbers))] = Upload()
                return web.Response(status=202, headers={"Location": self._address(request, number)})
            case "manifest":
                self.manifests[request.path] = await request.read()
                return web.Response(status=201)
            case _ if number not in self.uploads:
                return web.Response(status=404, text="unknown upload")
            case _:
                return await self._go_on(request, asked, number)

    async def _go_on(self, request: web.Request, asked: Asked, number: str) -> web.StreamResponse:
        match asked.kind:
            case "place":
                content = await self.receive(request, asked)
                self.uploads[number].parts[int(request.query["start"])] = bytes(content)
                return web.Response()
            case "status":
                return web.Response(status=204, headers=self._told(request, number))
            case "part":
                return await self._take_part(request, asked, number)
            case _:
                return self._end(request, number)

    async def receive(self, request: web.Request, asked: Asked) -> bytearray:
        content = bytearray()
        async for piece in request.content.iter_any():
            content += piece
            asked.received += len(piece)
        return content

    async def take(self, request: web.Request, asked: Asked, *, limit: int | None = None) -> None:
        """Keep the bytes of a part; those that come of one that is cut, too."""
        upload = self.uploads[request.path.rpartition("/")[2]]
        async for piece in request.content.iter_any():
            room = len(piece) if limit is None else limit - asked.received
            upload.content += piece[:room]
            asked.received += len(piece[:room])
            if limit is not None and asked.received >= limit:
                return

    async def _take_part(self, request: web.Request, asked: Asked, number: str) -> web.StreamResponse:
        start = int(asked.headers["Content-Range"].partition("-")[0])
        if self.redirects:
            following = f"http://{self.host}{request.path}?after={start}"
            place = f"http://{self.other}/place/{number}?start={start}"
            return web.Response(status=307, headers={"Location": place, "Docker-Upload-Location": following})
        if start != len(self.uploads[number].content):
            return web.Response(status=416)
        await self.take(request, asked)
        return web.Response(status=202, headers=self._told(request, number))

    def _end(self, request: web.Request, number: str) -> web.Response:
        upload = self.uploads.pop(number)
        content = bytes(upload.content) or b"".join(upload.parts[start] for start in sorted(upload.parts))
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        if digest != request.query["digest"]:
            self.uploads[number] = upload
            return web.Response(status=400, text="DIGEST_INVALID")
        self.blobs[digest] = content
        return web.Response(status=201)

    def _told(self, request: web.Request, number: str) -> dict[str, str]:
        last = max(len(self.uploads[number].content) - 1, 0)
        return {"Location": self._address(request, number), "Range": f"0-{last}"}

    def _address(self, request: web.Request, number: str) -> str:
        repository = request.path.partition("/blobs/")[0]
        return f"http://{self.host}{repository}/blobs/uploads/{number}?size={number}"


def _kind(request: web.Request) -> str:
    if "/manifests/" in request.path:
        return "manifest"
    if request.path.startswith("/place/"):
        return "place"
    if request.method == "HEAD":
        return "head"
    return {"POST": "begin", "PATCH": "part", "GET": "status", "PUT": "end"}.get(request.method, "other")


# --- faults ----------------------------------------------------------------------------------------------------------


def well() -> Fault:
    """No fault: lets one request through between two faults."""
    return lambda registry, request, asked: registry.answer(request, asked)


def status(code: int, body: str = "", **headers: str) -> Fault:
    async def answer(registry: UploadRegistry, request: web.Request, asked: Asked) -> web.StreamResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=code, text=body, headers=named)

    return answer


def cut(keep: int) -> Fault:
    """Takes `keep` bytes of a part and hangs up."""

    async def answer(registry: UploadRegistry, request: web.Request, asked: Asked) -> web.StreamResponse:
        await registry.take(request, asked, limit=keep)
        _hang_up(request)
        return web.Response()

    return answer


def stall(keep: int) -> Fault:
    """Takes `keep` bytes of a part and then nothing more, for as long as the client stays."""

    async def answer(registry: UploadRegistry, request: web.Request, asked: Asked) -> web.StreamResponse:
        await registry.take(request, asked, limit=keep)
        try:
            await asyncio.Event().wait()
        finally:
            registry.lost += 1
        raise AssertionError

    return answer


def hang_up() -> Fault:
    """Hangs up as soon as it is asked."""

    async def answer(registry: UploadRegistry, request: web.Request, asked: Asked) -> web.StreamResponse:
        _hang_up(request)
        return web.Response()

    return answer


def hang_up_after() -> Fault:
    """Does what is asked and hangs up instead of answering."""

    async def answer(registry: UploadRegistry, request: web.Request, asked: Asked) -> web.StreamResponse:
        await registry.answer(request, asked)
        _hang_up(request)
        return web.Response()

    return answer


def forget() -> Fault:
    """Forgets all uploads, as a registry may that is started anew, and says so."""

    async def answer(registry: UploadRegistry, request: web.Request, asked: Asked) -> web.StreamResponse:
        registry.uploads.clear()
        return web.Response(status=404, text="BLOB_UPLOAD_UNKNOWN")

    return answer


def _hang_up(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()
