"""Plays the registry of one recorded push: the recorded answers in their order, 404 to whatever else is asked."""

import hashlib
import json
import random
from typing import Any, Self

from aiohttp import web

from tampu.names import ModelName
from tampu.store.library import Library

WEIGHTS = "b42621dc02bee903ec89c0561a7ad93022f5e6652aed739b447842de36d83696"
WEIGHTS_SIZE = 670528
WEIGHTS_ETAG = "d3335d81949fd0afc542c7c7f9de812e-1"
"""The weights are too many bytes for a recording: others of their size stand for them, and their hashes."""

_SEEN = ("Accept-Encoding", "Content-Length", "Content-Range", "Content-Type", "X-Redirect-Uploads")


class RecordedPush:
    """`async with RecordedPush(case, cases) as registry`; `requests` has what it was asked, in the recording's form."""

    def __init__(self, case: dict[str, Any], all_cases: list[dict[str, Any]]) -> None:
        self.weights = random.Random(1).randbytes(WEIGHTS_SIZE)  # noqa: S311  # bytes that do not compress
        digest = hashlib.sha256(self.weights).hexdigest()
        etag = hashlib.md5(hashlib.md5(self.weights).digest()).hexdigest()  # noqa: S324  # the protocol's own hash
        text = json.dumps(case).replace(WEIGHTS, digest).replace(WEIGHTS[:12], digest[:12])
        self._text = text.replace(WEIGHTS_ETAG, f"{etag}-1").replace("{UUID}", "uuid").replace("{STATE}", "state")
        bodies = [each["request"].get("body") for case in all_cases for each in case["wire"]]
        self._contents = {self.weights, *(body.encode() for body in bodies if body)}
        self.requests: list[dict[str, str]] = []

    async def __aenter__(self) -> Self:
        application = web.Application(client_max_size=1 << 24)
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
        self._left = list(self.case["wire"])
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

    @property
    def recorded_requests(self) -> list[dict[str, str]]:
        return [_recorded_form(each) for each in self.case["wire"]]

    def _manifest(self) -> str:
        """The case ends before its manifest is sent; only the first layer is asked for."""
        digest = f"sha256:{hashlib.sha256(self.weights).hexdigest()}"
        layer = {"mediaType": "application/vnd.ollama.image.model", "digest": digest, "size": WEIGHTS_SIZE}
        return json.dumps({"schemaVersion": 2, "layers": [layer]})

    async def _answer(self, request: web.Request) -> web.Response:
        asked = await _form(request)
        self.requests.append(asked)
        for each in self._left:
            if asked == _recorded_form(each):
                self._left.remove(each)
                answer = each["response"]
                headers = {name: value for name, value in answer["headers"].items() if name != "Content-Length"}
                return web.Response(status=answer["status"], headers=headers, body=answer.get("body", "").encode())
        return web.Response(status=404)


async def _form(request: web.Request) -> dict[str, str]:
    body = await request.read()
    headers = {name: request.headers.get(name, "") for name in _SEEN}
    return _described(request.method, request.headers["Host"], request.path_qs, request.headers, headers) | {
        "body": hashlib.sha256(body).hexdigest() if body else ""
    }


def _recorded_form(each: dict[str, Any]) -> dict[str, str]:
    asked = each["request"]
    headers = {name: asked["headers"].get(name, "") for name in _SEEN}
    described = _described(asked["method"], each["host"], asked["path"], asked["headers"], headers)
    body = hashlib.sha256(asked["body"].encode()).hexdigest() if "body" in asked else asked.get("body_sha256", "")
    return {**described, "body": body if asked["body_bytes"] else ""}


def _described(method: str, host: str, path: str, all_headers: Any, headers: dict[str, str]) -> dict[str, str]:
    """What of a request a registry acts on. Nonces, times and signatures differ each time."""
    path, _, query = path.partition("?")
    query = "&".join(item for item in query.split("&") if not item.startswith(("nonce=", "ts=")))
    authorization = all_headers.get("Authorization", "")
    if authorization and not authorization.startswith("Bearer "):
        authorization = "signature"
    return {"asked": f"{method} {host}{path}?{query}", "Authorization": authorization, **headers}
