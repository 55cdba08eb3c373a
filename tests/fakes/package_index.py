"""A package index on loopback over a folder of wheels, with metadata apart as the public one has it."""

import base64
import hashlib
import zipfile
from pathlib import Path
from typing import Self

from aiohttp import web
from aiohttp.typedefs import Handler


class PackageIndex:
    """`async with PackageIndex(folder) as index`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.password = ""
        self.has_metadata = True
        self.cut, self.cut_after = "", 0
        """A wheel of which no answer goes beyond so many bytes from its start."""
        self.wheel_agents: list[str] = []
        self.wheel_bytes = 0

    async def __aenter__(self) -> Self:
        application = web.Application(middlewares=[self._check_password])
        application.router.add_get("/simple/{package}/", self._page)
        application.router.add_get("/files/{name}.metadata", self._metadata)
        application.router.add_get("/files/{name}", self._wheel)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/simple"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    @web.middleware
    async def _check_password(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        wanted = f"Basic {base64.b64encode(f'user:{self.password}'.encode()).decode()}"
        if self.password and request.headers.get("Authorization") != wanted:
            return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="index"'})
        return await handler(request)

    async def _page(self, request: web.Request) -> web.Response:
        prefix = request.match_info["package"].replace("-", "_")
        more = ' data-core-metadata="true"' if self.has_metadata else ""
        links = [
            f'<a href="/files/{path.name}#sha256={hashlib.sha256(path.read_bytes()).hexdigest()}"{more}>{path.name}</a>'
            for path in self._folder.glob(f"{prefix}-*.whl")
        ]
        return web.Response(text=f"<!DOCTYPE html><html><body>{''.join(links)}</body></html>", content_type="text/html")

    async def _metadata(self, request: web.Request) -> web.Response:
        with zipfile.ZipFile(self._folder / request.match_info["name"]) as wheel:
            name = next(name for name in wheel.namelist() if name.endswith("/METADATA"))
            return web.Response(body=wheel.read(name))

    async def _wheel(self, request: web.Request) -> web.StreamResponse:
        content = (self._folder / request.match_info["name"]).read_bytes()
        self.wheel_agents.append(request.headers.get("User-Agent", ""))
        wanted = request.http_range
        start, end = wanted.start or 0, min(wanted.stop or len(content), len(content))
        headers = {"Content-Range": f"bytes {start}-{end - 1}/{len(content)}", "Content-Length": str(end - start)}
        response = web.StreamResponse(status=206 if "Range" in request.headers else 200, headers=headers)
        await response.prepare(request)
        if request.match_info["name"] == self.cut:
            end = max(start, min(end, self.cut_after))
        if request.method == "GET":
            await response.write(content[start:end])
            self.wheel_bytes += end - start
        if request.match_info["name"] == self.cut and request.transport is not None:
            request.transport.close()
        return response
