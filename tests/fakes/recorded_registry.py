"""Plays one recorded conversation of a registry: the recorded answers in their order, good ones after that."""

import hashlib
import json
import random
from typing import Any, Self
from urllib.parse import urlsplit

from aiohttp import web

UNRECORDED = {  # blobs whose bytes are too many for a recording: digest -> size
    "b42621dc02bee903ec89c0561a7ad93022f5e6652aed739b447842de36d83696": 670528,
    "9e484178327b17548ad7b8619d0c18e123ecd4bde3fa984feb0e8db8a4950f1d": 125856,
}


class RecordedRegistry:
    """`async with RecordedRegistry(case) as registry`; `requests` has what it was asked, in the recording's form.

    Big blobs are replaced by others of the same size, and their digests in everything that the case says.
    """

    def __init__(self, case: dict[str, Any], whole: dict[str, Any]) -> None:
        """`whole` is a case in which every small blob is sent."""
        self._contents: dict[str, bytes] = {}
        for each in whole["wire"]:
            self._learn(each)
        text = json.dumps(case)
        for digest, size in UNRECORDED.items():
            content = random.Random(size).randbytes(size)  # noqa: S311  # bytes that do not compress
            substitute = hashlib.sha256(content).hexdigest()
            self._contents[substitute] = content
            text = text.replace(digest, substitute).replace(digest[:12], substitute[:12])
        self._text = text
        self.requests: list[tuple[str, ...]] = []

    async def __aenter__(self) -> Self:
        application = web.Application()
        application.router.add_route("*", "/{tail:.*}", self._answer)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port = site._server.sockets[0].getsockname()[1]
        self._hosts = {"{REGISTRY}": f"127.0.0.1:{port}", "{OTHER}": f"localhost:{port}"}
        for placeholder, host in self._hosts.items():
            self._text = self._text.replace(placeholder, host)
        self.case = json.loads(self._text)
        self._left = list(self.case["wire"])
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    @property
    def recorded_requests(self) -> list[tuple[str, ...]]:
        return forms_of(self.case["wire"])

    def _learn(self, exchange: dict[str, Any]) -> None:
        body = exchange["response"].get("body", "").encode()
        self._contents[hashlib.sha256(body).hexdigest()] = body

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(_form(request.method, request.headers["Host"], request.path_qs, request.headers))
        for entry in self._left:
            asked = entry["request"]
            if self.requests[-1] == _form(asked["method"], entry["host"], asked["path"], asked["headers"]):
                self._left.remove(entry)
                return await self._recorded(request, entry)
        return self._good(request)

    async def _recorded(self, request: web.Request, entry: dict[str, Any]) -> web.StreamResponse:
        answer, fault = entry["response"], entry.get("fault")
        headers = {name: value for name, value in answer["headers"].items() if name != "Content-Length"}
        whole = self._content(request)
        start, end = _span(request, len(whole))
        body = whole if answer["status"] == 200 and isinstance(fault, dict) else whole[start:end]
        if "body" in answer:
            body = answer["body"].encode()
        response = web.StreamResponse(status=answer["status"], headers=headers)
        length = answer["headers"].get("Content-Length")
        response.content_length = len(body) if length is None and request.method != "HEAD" else length and int(length)
        await response.prepare(request)
        if request.method == "HEAD":
            return response
        keep = fault.get("keep") if isinstance(fault, dict) else None
        await response.write(body[:keep])
        if keep is not None and request.transport is not None:
            request.transport.close()
        return response

    def _good(self, request: web.Request) -> web.StreamResponse:
        whole = self._content(request)
        start, end = _span(request, len(whole))
        if "Range" not in request.headers:
            return web.Response(body=whole)
        headers = {"Content-Range": f"bytes {start}-{end - 1}/{len(whole)}"}
        return web.Response(status=206, body=whole[start:end], headers=headers)

    def _content(self, request: web.Request) -> bytes:
        return self._contents.get(request.path.rpartition(":")[2], b"")


def forms_of(wire: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    """The requests of recorded exchanges, in the form of `requests`."""
    return [
        _form(each["request"]["method"], each["host"], each["request"]["path"], each["request"]["headers"])
        for each in wire
    ]


def _form(method: str, host: str, path: str, headers: Any) -> tuple[str, ...]:
    """What of a request a registry acts on. Nonces, times and signatures differ each time."""
    url = urlsplit(path)
    query = "&".join(item for item in url.query.split("&") if not item.startswith(("nonce=", "ts=")))
    authorization = headers.get("Authorization", "")
    if authorization and not authorization.startswith("Bearer "):
        authorization = "signature"
    accept = headers.get("Accept", "")
    packing = headers.get("Accept-Encoding", "")
    return method, host, f"{url.path}?{query}", headers.get("Range", ""), authorization, accept, packing


def _span(request: web.Request, size: int) -> tuple[int, int]:
    first, _, last = request.headers.get("Range", "").removeprefix("bytes=").partition("-")
    return (int(first), int(last) + 1) if first else (0, size)
