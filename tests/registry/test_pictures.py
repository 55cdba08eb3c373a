"""Pictures that a request names by address: fetched within bounds, and never from inside the network."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from tampu.errors import BadRequest
from tampu.registry.network import Network
from tampu.registry.patience import MIB, Patience
from tampu.registry.pictures import fetch_picture
from tests.vision import png

pytestmark = pytest.mark.anyio

HURRIED = Patience(connect_s=2.0, silence_s=2.0, document_s=0.6, max_document_bytes=MIB, max_redirects=3)
HERE = "127.0.0.1"
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@asynccontextmanager
async def server(answer: Answer) -> AsyncIterator[tuple[str, list[web.Request]]]:
    """The address of a server on this machine, and what it was asked."""
    asked: list[web.Request] = []

    async def handle(request: web.Request) -> web.StreamResponse:
        asked.append(request)
        return await answer(request)

    app = web.Application()
    app.router.add_get("/{tail:.*}", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, HERE, 0)
        await site.start()
        yield f"http://{HERE}:{runner.addresses[0][1]}", asked
    finally:
        await runner.cleanup()


async def _picture(_: web.Request) -> web.Response:
    return web.Response(body=png(), content_type="image/png")


async def _large(_: web.Request) -> web.Response:
    return web.Response(body=bytes(MIB + 1))


async def _missing(_: web.Request) -> web.Response:
    return web.Response(status=404)


async def _elsewhere(request: web.Request) -> web.Response:
    raise web.HTTPFound(f"/{len(request.path) * 'x'}")


async def _inside(_: web.Request) -> web.Response:
    raise web.HTTPFound("http://169.254.169.254/latest/meta-data/")


async def test_a_picture_comes_with_nothing_of_ours_told() -> None:
    async with server(_picture) as (url, asked):
        address = f"{url.replace('//', '//user:pass@')}/a.png?b=c"
        assert await fetch_picture(address, Network(), named_host=HERE, patience=HURRIED) == png()
    assert asked[0].raw_path == "/a.png?b=c"
    assert not {"Authorization", "Cookie", "Referer"} & set(asked[0].headers)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (_large, "more than 1 MiB or 3 redirects"),
        (_missing, "the other side answered 404"),
        (_elsewhere, "more than 1 MiB or 3 redirects"),
        (_inside, "leads to a machine that is not public"),
    ],
    ids=["large", "missing", "redirects", "redirect inside"],
)
async def test_what_cannot_be_had_says_why(answer: Answer, words: str) -> None:
    async with server(answer) as (url, _):
        with pytest.raises(BadRequest, match=words):
            await fetch_picture(f"{url}/a", Network(), named_host=HERE, patience=HURRIED)


async def test_nothing_inside_the_network_is_asked() -> None:
    async with server(_picture) as (url, asked):
        port = url.rpartition(":")[2]
        for host in (HERE, "localhost", "[::1]", "127.1", "2130706433", "[::ffff:127.0.0.1]", "10.0.0.1", "nas"):
            with pytest.raises(BadRequest, match="a machine that is not public"):
                await fetch_picture(f"http://{host}:{port}/a.png", Network(allows_lan=False), patience=HURRIED)
    assert asked == []


@pytest.mark.parametrize(
    "address", ["http://", "http://a b/", "file:///etc/passwd", "http://[::1", "//a/b", "https://h:99999/"]
)
async def test_an_address_that_is_none(address: str) -> None:
    with pytest.raises(BadRequest):
        await fetch_picture(address, Network(), patience=HURRIED)
