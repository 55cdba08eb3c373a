"""Plays the registry of one recorded push: the recorded answers in their order, 404 to whatever else is asked."""

import hashlib
import json
import random
from functools import cache
from typing import Any, Self

from aiohttp import web

from tampu.names import ModelName
from tampu.store.library import Library

PART_SIZE = 100_000_000
WEIGHTS = {
    "b42621dc02bee903ec89c0561a7ad93022f5e6652aed739b447842de36d83696": (670528, "d3335d81949fd0afc542c7c7f9de812e-1"),
    "941f309b54caaad6747569ba43712bcde44a2be3bae16c3282ff499c37c54af5": (
        98362432,
        "6ff3c91352480f9cfbf783ab745fe131-1",
    ),
    "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818": (
        253113024,
        "f33b44865beed593affe332d1bcbff0b-3",
    ),
}
"""Size and etag by digest. They are too many bytes for a recording: others of their size stand for them."""

_NO_BODY = hashlib.sha256().digest()
_SEEN = ("Accept-Encoding", "Content-Length", "Content-Range", "Content-Type", "X-Redirect-Uploads")


class RecordedPush:
    """`async with RecordedPush(case, cases) as registry`; `requests` has what it was asked, in the recording's form."""

    def __init__(self, case: dict[str, Any], all_cases: list[dict[str, Any]]) -> None:
        text = json.dumps(case)
        used = next((digest for digest in WEIGHTS if digest in text), next(iter(WEIGHTS)))
        size, recorded_etag = WEIGHTS[used]
        self.weights, self.digest, etag = _stand_in(size)
        text = text.replace(used, self.digest).replace(used[:12], self.digest[:12])
        text = text.replace(recorded_etag, etag)
        self._text = text.replace("{UUID}", "uuid").replace("{STATE}", "state")
        bodies = [each["request"].get("body") for each_case in all_cases for each in each_case["wire"]]
        self._contents = {self.weights, *(body.encode() for body in bodies if body)}
        self.requests: list[dict[str, str]] = []

    async def __aenter__(self) -> Self:
        application = web.Application(client_max_size=1 << 28)
        application.router.add_route("*", "/{tail:.*}", self._answer)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port = site._server.sockets[0].getsockname()[1]
        self.hosts = {"{REGISTRY}": f"127.0.0.1:{port}", "{OTHER}": f"localhost:{port}"}
        for placeholder, host in self.hosts.items():
            self._text = self._text.replace(placeholder, host)
        self.case = json.loads(self._text)
        # Hashes over much, each once and not while a client waits.
        self.recorded_requests = [_recorded_form(each, self.weights) for each in self.case["wire"]]
        self._left = list(zip(self.recorded_requests, self.case["wire"], strict=True))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    def fill(self, library: Library) -> None:
        """Store the model that the case pushes, as far as its content is recorded; what is not is never sent."""
        for content in self._contents:
            library.blobs.put_bytes(content)
        manifests = [each["request"]["body"] for each in self.case["wire"] if "/manifests/" in each["request"]["path"]]
        name = self.case["request"].get("model", "m").removeprefix("http://").replace("FIRST", "first")
        path = library.layout.manifest(ModelName.parse(name))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(manifests[0] if manifests else self._manifest())

    def _manifest(self) -> str:
        """The case ends before its manifest is sent; only the first layer is asked for."""
        layer = {"mediaType": "application/vnd.ollama.image.model", "digest": f"sha256:{self.digest}"}
        return json.dumps({"schemaVersion": 2, "layers": [{**layer, "size": len(self.weights)}]})

    async def _answer(self, request: web.Request) -> web.Response:
        asked = await _form(request)
        self.requests.append(asked)
        for awaited in self._left:
            recorded, each = awaited
            if asked == recorded:
                self._left.remove(awaited)
                answer = each["response"]
                headers = {name: value for name, value in answer["headers"].items() if name != "Content-Length"}
                return web.Response(status=answer["status"], headers=headers, body=answer.get("body", "").encode())
        return web.Response(status=404)


@cache
def _stand_in(size: int) -> tuple[bytes, str, str]:
    """Weights of a size, their digest and their etag."""
    pattern = random.Random(1).randbytes(999_983)  # noqa: S311  # of a length of which no part is a multiple
    weights = (pattern * (size // len(pattern) + 1))[:size]
    return weights, hashlib.sha256(weights).hexdigest(), _etag(weights)


async def _form(request: web.Request) -> dict[str, str]:
    body = hashlib.sha256()
    async for piece in request.content.iter_any():
        body.update(piece)
    headers = {name: request.headers.get(name, "") for name in _SEEN}
    return _described(request.method, request.headers["Host"], request.path_qs, request.headers, headers) | {
        "body": "" if body.digest() == _NO_BODY else body.hexdigest()
    }


def _recorded_form(each: dict[str, Any], weights: bytes) -> dict[str, str]:
    asked = each["request"]
    headers = {name: asked["headers"].get(name, "") for name in _SEEN}
    body = asked.get("body", "").encode()
    if asked["body_bytes"] and not body:
        first, _, last = headers["Content-Range"].partition("-")
        body = weights[int(first or 0) : int(last or len(weights)) + 1]
    described = _described(asked["method"], each["host"], asked["path"], asked["headers"], headers)
    return {**described, "body": hashlib.sha256(body).hexdigest() if body else ""}


def _etag(content: bytes) -> str:
    """As stores compute it that take parts; the protocol's own hash."""
    parts = [content[at : at + PART_SIZE] for at in range(0, len(content), PART_SIZE)]
    joined = b"".join(hashlib.md5(part).digest() for part in parts)  # noqa: S324  # protects nothing
    return f"{hashlib.md5(joined).hexdigest()}-{len(parts)}"  # noqa: S324  # protects nothing


def _described(method: str, host: str, path: str, all_headers: Any, headers: dict[str, str]) -> dict[str, str]:
    """What of a request a registry acts on. Nonces, times and signatures differ each time."""
    path, _, query = path.partition("?")
    query = "&".join(item for item in query.split("&") if not item.startswith(("nonce=", "ts=")))
    authorization = all_headers.get("Authorization", "")
    if authorization and not authorization.startswith("Bearer "):
        authorization = "signature"
    return {"asked": f"{method} {host}{path}?{query}", "Authorization": authorization, **headers}
