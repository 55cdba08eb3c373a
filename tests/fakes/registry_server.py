"""A registry on loopback that can be told to misbehave: the other side of every download test.

Two names of one server play two hosts: `host` (127.0.0.1) is the registry, `other` (localhost) is where it redirects.
`script("part", truncate(10), status(500))` makes the next two part requests go wrong, in that order.
"""

import asyncio
import gzip
import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Self

from aiohttp import web

MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json"


@dataclass
class Asked:
    """One request as the server saw it, and how many bytes of body it was sent."""

    kind: str
    method: str
    path: str
    host: str
    headers: dict[str, str]
    sent: int = 0

    @property
    def range(self) -> tuple[int, int] | None:
        match = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        return (int(match[1]), int(match[2])) if match else None


@dataclass
class Content:
    """What a well-behaved answer to a blob request would hold."""

    request: web.Request
    asked: Asked
    whole: bytes
    headers: dict[str, str] = field(default_factory=dict)
    bytes_per_s: float = 0.0

    @property
    def span(self) -> tuple[int, int]:
        wanted = self.asked.range
        return (0, len(self.whole)) if wanted is None else (wanted[0], min(wanted[1] + 1, len(self.whole)))

    async def send(
        self, status: int, headers: dict[str, str], body: bytes, *, length: int | None = None
    ) -> web.StreamResponse:
        response = web.StreamResponse(status=status, headers=headers)
        response.content_length = len(body) if length is None else length
        await response.prepare(self.request)
        view, step = memoryview(body), int(self.bytes_per_s / 50) or 1 << 18
        for at in range(0, len(view), step):
            piece = view[at : at + step]
            await response.write(bytes(piece))
            self.asked.sent += len(piece)
            if self.bytes_per_s:
                await asyncio.sleep(len(piece) / self.bytes_per_s)
        return response

    async def part(self) -> web.StreamResponse:
        start, end = self.span
        if self.asked.range is None:
            return await self.send(200, self.headers, self.whole)
        content_range = f"bytes {start}-{end - 1}/{len(self.whole)}"
        return await self.send(206, {**self.headers, "Content-Range": content_range}, self.whole[start:end])


Fault = Callable[[Content], Awaitable[web.StreamResponse]]


class FakeRegistry:
    """`async with FakeRegistry() as registry`."""

    def __init__(self, *, redirects: bool = True, token: str = "") -> None:
        self.redirects, self.token = redirects, token
        self.manifests: dict[str, bytes] = {}
        self.blobs: dict[str, bytes] = {}
        self.asked: list[Asked] = []
        self.gate: asyncio.Event | None = None
        self.bytes_per_s = 0.0
        """How fast a body is sent; 0: as fast as can be."""
        self._faults: dict[str, list[Fault]] = defaultdict(list)

    async def __aenter__(self) -> Self:
        application = web.Application()
        application.router.add_route("*", "/{tail:.*}", self._handle)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1)
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

    def add_blob(self, content: bytes) -> str:
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        self.blobs[digest] = content
        return digest

    def add_model(self, path: str, *layers: tuple[str, bytes], **changes: object) -> bytes:
        """A model `namespace/name:tag` with layers (kind, content) and a config; its manifest."""
        described = [
            {"mediaType": f"application/vnd.ollama.image.{kind}", "digest": self.add_blob(data), "size": len(data)}
            for kind, data in layers
        ]
        config = json.dumps({"model_format": "gguf", "model_family": "llama"}).encode()
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": {
                "mediaType": "application/vnd.docker.container.image.v1+json",
                "digest": self.add_blob(config),
                "size": len(config),
            },
            "layers": described,
            **changes,
        }
        self.manifests[path] = json.dumps(manifest).encode()
        return self.manifests[path]

    def script(self, kind: str, *faults: Fault) -> None:
        """What goes wrong with the next requests of a kind: manifest, head, locate, part, whole or token."""
        self._faults[kind] += faults

    def forgive(self) -> None:
        """No more faults, and nothing asked so far."""
        self._faults.clear()
        self.asked.clear()

    def of_kind(self, kind: str) -> list[Asked]:
        return [asked for asked in self.asked if asked.kind == kind]

    @property
    def bytes_sent(self) -> int:
        return sum(asked.sent for asked in self.asked)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        asked = Asked(
            self._kind(request), request.method, request.path_qs, request.headers["Host"], dict(request.headers)
        )
        self.asked.append(asked)
        whole = self.blobs.get(request.path.rpartition("/")[2], b"")
        content = Content(request, asked, whole, bytes_per_s=self.bytes_per_s)
        if self._faults[asked.kind]:
            return await self._faults[asked.kind].pop(0)(content)
        if asked.kind == "token":
            return web.json_response({"token": self.token})
        if self.token and asked.host == self.host and asked.headers.get("Authorization") != f"Bearer {self.token}":
            return web.Response(status=401, headers={"WWW-Authenticate": self.challenge}, text="no")
        return await self._answer(content)

    @property
    def challenge(self) -> str:
        return f'Bearer realm="http://{self.host}/token",service="reg.test",scope="repository:me/small:pull"'

    def _kind(self, request: web.Request) -> str:
        if "/manifests/" in request.path:
            return "manifest"
        if "/blobs/" not in request.path:
            return request.path.strip("/").partition("/")[0] or "root"
        if request.method == "HEAD":
            return "head"
        if "Range" in request.headers:
            return "part"
        located = any(a.kind == "locate" and a.path == request.path_qs for a in self.asked)
        at_other = request.headers["Host"] == self.other
        return "whole" if at_other or (located and not self.redirects) else "locate"

    async def _answer(self, content: Content) -> web.StreamResponse:
        request, asked = content.request, content.asked
        if asked.kind == "manifest":
            repository, _, tag = request.path.removeprefix("/v2/").partition("/manifests/")
            body = self.manifests.get(f"{repository}:{tag}")
            return web.Response(status=404, text="unknown") if body is None else web.Response(body=body)
        digest = request.path.rpartition("/")[2]
        if digest not in self.blobs:
            return web.Response(status=404, text="unknown blob")
        if asked.kind == "head":
            return web.Response(headers={"Content-Length": str(len(content.whole))})
        if asked.kind == "locate" and self.redirects:
            return web.Response(status=307, headers={"Location": f"http://{self.other}{request.path_qs}"})
        if self.gate is not None:
            await self.gate.wait()
        return await content.part()


# --- faults ----------------------------------------------------------------------------------------------------------


def well() -> Fault:
    """No fault: lets one request through between two faults."""
    return lambda content: content.part()


def status(code: int, body: str = "", **headers: str) -> Fault:
    async def answer(content: Content) -> web.StreamResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=code, text=body, headers=named)

    return answer


def redirect(location: str) -> Fault:
    return status(307, Location=location)


def truncate(keep: int) -> Fault:
    """Promises the whole span, sends `keep` bytes of it and cuts the connection."""

    async def answer(content: Content) -> web.StreamResponse:
        start, end = content.span
        headers = {"Content-Range": f"bytes {start}-{end - 1}/{len(content.whole)}"}
        code = 200 if content.asked.range is None else 206
        response = await content.send(code, headers, content.whole[start : start + keep], length=end - start)
        if content.request.transport is not None:
            content.request.transport.close()
        return response

    return answer


def stall(keep: int) -> Fault:
    """Sends `keep` bytes and then nothing, for as long as the client stays."""

    async def answer(content: Content) -> web.StreamResponse:
        start, end = content.span
        headers = {"Content-Range": f"bytes {start}-{end - 1}/{len(content.whole)}"}
        if keep:
            await content.send(206, headers, content.whole[start : start + keep], length=end - start)
        await asyncio.Event().wait()
        raise AssertionError

    return answer


def drip(every_s: float) -> Fault:
    """Sends a byte now and then, for as long as the client stays."""

    async def answer(content: Content) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(content.request)
        while True:
            await response.write(b" ")
            await asyncio.sleep(every_s)

    return answer


def ignore_range() -> Fault:
    return lambda content: content.send(200, {}, content.whole)


def encoded() -> Fault:
    """Says that the body is packed, which nobody asked for."""

    async def answer(content: Content) -> web.StreamResponse:
        start, end = content.span
        headers = {"Content-Encoding": "gzip", "Content-Range": f"bytes {start}-{end - 1}/{len(content.whole)}"}
        return await content.send(206, headers, gzip.compress(content.whole[start:end]))

    return answer


def hang_up() -> Fault:
    """Closes the connection without a word."""

    async def answer(content: Content) -> web.StreamResponse:
        if content.request.transport is not None:
            content.request.transport.close()
        return web.Response()

    return answer


def wrong_range(value: str) -> Fault:
    async def answer(content: Content) -> web.StreamResponse:
        start, end = content.span
        return await content.send(206, {"Content-Range": value}, content.whole[start:end])

    return answer


def corrupt(at: int) -> Fault:
    """Flips one byte, `at` bytes into the answer."""

    async def answer(content: Content) -> web.StreamResponse:
        content.whole = bytearray(content.whole)
        content.whole[content.span[0] + at] ^= 0xFF
        content.whole = bytes(content.whole)
        return await content.part()

    return answer
