"""The one way out: certificates, proxies, time, redirects and what travels along with them."""

import asyncio
import gzip
import socket
import ssl
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from yarl import URL

from tampu.errors import ConfigError, RegistryDenied, RegistryError, RegistryUnreachable
from tampu.registry.network import Network, trusted_authorities
from tampu.registry.patience import Patience
from tampu.registry.transport import Transport, error_text, open_transport, read_document
from tests.fakes.certificates import make_certificates, server_context
from tests.fakes.watching import watching

pytestmark = pytest.mark.anyio

HURRIED = Patience(connect_s=2.0, silence_s=2.0, document_s=0.6)
Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def resolving(*answers: list[str]) -> Callable[..., Awaitable[list[dict[str, object]]]]:
    """A resolver that gives these addresses, one answer after the other."""
    following = iter(answers)

    async def resolve(_: object, host: str, port: int = 0, family: int = 0) -> list[dict[str, object]]:
        known = {"hostname": host, "port": port, "family": socket.AF_INET, "proto": 0, "flags": 0}
        return [{**known, "host": text} for text in next(following)]

    return resolve


@asynccontextmanager
async def plain_server(answer: Answer, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A server that speaks bytes; its port."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            await answer(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def saying(text: bytes) -> Answer:
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(text)
        await writer.drain()

    return answer


def dripping(start: bytes, drop: bytes) -> Answer:
    """Begins well, then sends a little now and then for ever."""

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(start)
        while True:
            writer.write(drop)
            await writer.drain()
            await asyncio.sleep(0.02)

    return answer


@asynccontextmanager
async def transport(
    host: str = "127.0.0.1", *, insecure: bool = True, network: Network | None = None
) -> AsyncIterator[Transport]:
    async with open_transport(host, insecure=insecure, patience=HURRIED, network=network) as opened:
        yield opened


async def fetched(opened: Transport, url: str, headers: dict[str, str] | None = None) -> bytes:
    async with opened.follow("GET", URL(url), headers or {}) as response:
        return await read_document(response, HURRIED)


# --- certificates ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def tls(certificates: Path) -> ssl.SSLContext:
    return server_context(certificates)


async def test_an_authority_of_the_settings_is_trusted(tls: ssl.SSLContext, certificates: Path) -> None:
    async with plain_server(saying(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"), tls) as port:
        async with transport(insecure=False) as opened:
            with pytest.raises(RegistryUnreachable, match="tls: failed to verify certificate"):
                await fetched(opened, f"https://127.0.0.1:{port}/")
        async with transport(insecure=False, network=Network(certificates / "ca.pem")) as opened:
            assert await fetched(opened, f"https://127.0.0.1:{port}/") == b"hi"


async def test_a_certificate_for_another_name_is_refused(
    monkeypatch: pytest.MonkeyPatch, tls: ssl.SSLContext, certificates: Path
) -> None:
    monkeypatch.setattr("aiohttp.resolver.ThreadedResolver.resolve", resolving(["127.0.0.1"]))
    network = Network(certificates / "ca.pem")
    async with (
        plain_server(saying(b""), tls) as port,
        transport("other.example", insecure=False, network=network) as opened,
    ):
        with pytest.raises(RegistryUnreachable, match="tls: failed to verify certificate"):
            await fetched(opened, f"https://other.example:{port}/")


async def test_https_is_not_left_for_http(tls: ssl.SSLContext, certificates: Path) -> None:
    target = saying(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
    async with plain_server(target) as plain_port:
        redirect = f"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{plain_port}/\r\nContent-Length: 0\r\n\r\n"
        async with (
            plain_server(saying(redirect.encode()), tls) as port,
            transport(insecure=False, network=Network(certificates / "ca.pem")) as opened,
        ):
            with watching() as watch, pytest.raises(RegistryDenied, match="plain http"):
                await fetched(opened, f"https://127.0.0.1:{port}/")
            assert ("127.0.0.1", plain_port) not in watch.dialled


def test_certificates_that_cannot_be_read_are_a_bad_setting(tmp_path: Path) -> None:
    bad = tmp_path / "bad.pem"
    bad.write_text("-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n")
    with pytest.raises(ConfigError, match="TAMPU_CA_FILE"):
        trusted_authorities(bad)


# --- time and size ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        dripping(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
        dripping(b"HTTP/1.1 200 ", b"O"),
        dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b" "),
        dripping(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        dripping(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"a"),
    ],
    ids=["headers", "status", "continue", "body", "chunks", "extension"],
)
async def test_an_answer_by_drops_is_not_waited_for(answer: Answer) -> None:
    async with plain_server(answer) as port, transport() as opened:
        begun = time.monotonic()
        with pytest.raises(RegistryUnreachable):
            await fetched(opened, f"http://127.0.0.1:{port}/")
        assert time.monotonic() - begun < 20  # a net: it takes 1.2 s


async def test_the_words_of_an_error_are_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tampu.registry.transport._ERROR_S", 0.2)
    start = b"HTTP/1.1 500 No\r\nContent-Length: 100000\r\n\r\n"
    async with (
        plain_server(dripping(start, b"x")) as port,
        transport() as opened,
        opened.follow("GET", URL(f"http://127.0.0.1:{port}/"), {}) as response,
    ):
        assert (await error_text(response)).startswith("x")


@pytest.mark.parametrize(
    "lines",
    [b"".join(b"X-%d: y\r\n" % number for number in range(100_000)), b"X: " + b"y" * 100_000 + b"\r\n"],
    ids=["many", "long"],
)
async def test_headers_without_end_are_refused(lines: bytes) -> None:
    answer = saying(b"HTTP/1.1 200 OK\r\n" + lines + b"Content-Length: 0\r\n\r\n")
    async with plain_server(answer) as port, transport() as opened:
        with pytest.raises(RegistryUnreachable):
            await fetched(opened, f"http://127.0.0.1:{port}/")


@pytest.mark.parametrize("packing", ["gzip", "deflate"])
async def test_a_bomb_is_put_out(packing: str) -> None:
    body = gzip.compress(bytes(50 << 20)) if packing == "gzip" else zlib.compress(bytes(50 << 20))
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {packing}\r\nContent-Length: {len(body)}\r\n\r\n"
    async with plain_server(saying(head.encode() + body)) as port, transport() as opened:
        with pytest.raises(RegistryError, match="more than 1048576 bytes"):
            await fetched(opened, f"http://127.0.0.1:{port}/")


async def test_what_says_that_it_is_too_long_is_not_read() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 90000000\r\n\r\n"
    async with plain_server(saying(head)) as port, transport() as opened:
        with pytest.raises(RegistryError, match="more than 1048576 bytes"):
            await fetched(opened, f"http://127.0.0.1:{port}/")


# --- redirects -------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def recording_server(
    *answers: Callable[[web.Request], web.Response],
) -> AsyncIterator[tuple[int, list[web.Request]]]:
    """A server that gives the answers in order, again and again, and keeps what it was asked."""
    asked: list[web.Request] = []

    async def handle(request: web.Request) -> web.Response:
        asked.append(request)
        return answers[(len(asked) - 1) % len(answers)](request)

    application = web.Application()
    application.router.add_route("*", "/{tail:.*}", handle)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield runner.addresses[0][1], asked
    finally:
        await runner.cleanup()


def to(location: str, **headers: str) -> Callable[[web.Request], web.Response]:
    return lambda _: web.Response(status=307, headers={"Location": location, **headers})


def good(_: web.Request) -> web.Response:
    return web.Response(text="good")


async def test_credentials_stay_behind_and_do_not_come_back() -> None:
    secret = {"Authorization": "Bearer secret", "Range": "bytes=0-1"}
    async with (
        recording_server(good) as (other, asked_there),
        recording_server(to("/again"), to(f"http://me:pw@127.0.0.1:{other}/x")) as (port, asked),
        transport() as opened,
    ):
        assert await fetched(opened, f"http://127.0.0.1:{port}/", secret) == b"good"
    assert [request.headers.get("Authorization") for request in asked] == ["Bearer secret"] * 2
    assert "Authorization" not in asked_there[0].headers
    assert asked_there[0].headers["Range"] == "bytes=0-1"


async def test_cookies_are_not_kept() -> None:
    async with (
        recording_server(to("/next", **{"Set-Cookie": "a=b; Path=/"}), good) as (port, asked),
        transport() as opened,
    ):
        assert await fetched(opened, f"http://127.0.0.1:{port}/") == b"good"
    assert all("Cookie" not in request.headers for request in asked)


async def test_netrc_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password pw\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    async with recording_server(good) as (port, asked), transport() as opened:
        await fetched(opened, f"http://127.0.0.1:{port}/")
    assert "Authorization" not in asked[0].headers


async def test_an_address_cannot_write_into_the_request() -> None:
    location = "/a b\tc?d=\u00e9 HTTP/1.1%0d%0aX-Evil: 1"
    raw = f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()
    lines: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(raw)
        await writer.drain()
        lines.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    async with plain_server(answer) as port, transport() as opened:
        await fetched(opened, f"http://127.0.0.1:{port}/")
    request_line, *rest = lines[0].split(b"\r\n")
    assert request_line == b"GET /a%20b%09c?d=%C3%A9%20HTTP/1.1%0d%0aX-Evil:%201 HTTP/1.1"
    assert not any(line.lower().startswith(b"x-evil") for line in rest)


async def test_redirects_end_in_all() -> None:
    async with recording_server(to("/x")) as (port, asked), transport() as opened:
        with pytest.raises(RegistryError, match="stopped after 10 redirects"):
            await fetched(opened, f"http://127.0.0.1:{port}/")
    assert len(asked) == 11


# --- names that change their mind ------------------------------------------------------------------------------------


async def test_the_address_that_was_checked_is_the_one_that_is_dialled(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that is public when it is looked at and this machine when it is looked at again."""
    # So that nobody's real machine is dialled.
    monkeypatch.setattr("tampu.registry.addresses.is_public", lambda address: str(address) == "127.0.0.2")
    monkeypatch.setattr("aiohttp.resolver.ThreadedResolver.resolve", resolving(["127.0.0.2"], ["127.0.0.1"]))
    with watching() as watch:
        async with (
            recording_server(good) as (port, asked),
            open_transport("evil.example", insecure=True, patience=Patience(connect_s=0.3)) as opened,
        ):
            with pytest.raises(RegistryUnreachable):
                await fetched(opened, f"http://evil.example:{port}/")
            # The full stop makes it a name that no cache knows yet.
            with pytest.raises(RegistryDenied, match=r"leads to 127\.0\.0\.1"):
                await fetched(opened, f"http://evil.example.:{port}/")
    assert asked == []
    assert {address for address, _ in watch.dialled} == {"127.0.0.2"}


async def test_a_redirect_to_a_name_of_the_inside_is_not_dialled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aiohttp.resolver.ThreadedResolver.resolve", resolving(["127.0.0.1"], ["127.0.0.1"]))
    async with (
        recording_server(good) as (inner, asked_inside),
        recording_server(to(f"http://innocent.example:{inner}/")) as (port, _),
        open_transport("nas.example", insecure=True, patience=HURRIED) as opened,
    ):
        with pytest.raises(RegistryDenied, match="inside this network"):
            await fetched(opened, f"http://nas.example:{port}/")
    assert asked_inside == []


# --- proxies ---------------------------------------------------------------------------------------------------------


async def test_a_proxy_is_used_and_told_its_password_only(monkeypatch: pytest.MonkeyPatch) -> None:
    async with recording_server(good) as (port, asked):
        monkeypatch.setenv("HTTP_PROXY", f"http://user:pass@localhost:{port}")
        async with open_transport("registry.example", insecure=True, patience=HURRIED) as opened:
            assert await fetched(opened, "http://registry.example/v2/x", {"Authorization": "Bearer t"}) == b"good"
    assert asked[0].headers["Host"] == "registry.example"
    assert asked[0].headers["Proxy-Authorization"] == "Basic dXNlcjpwYXNz"
    assert asked[0].raw_path.endswith("/v2/x")


@pytest.mark.parametrize(
    "target", ["http://169.254.169.254/", "http://10.0.0.1/", "http://metadata.google.internal/", "http://intranet/"]
)
async def test_a_proxy_is_not_asked_for_what_lies_inside(monkeypatch: pytest.MonkeyPatch, target: str) -> None:
    async with recording_server(to(target)) as (port, asked):
        monkeypatch.setenv("HTTP_PROXY", f"http://localhost:{port}")
        async with open_transport("registry.example", insecure=True, patience=HURRIED) as opened:
            with pytest.raises(RegistryDenied, match="inside this network"):
                await fetched(opened, "http://registry.example/")
    assert len(asked) == 1


async def test_a_proxy_that_refuses_is_told_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    async with plain_server(saying(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")) as port:
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:sesame@localhost:{port}")
        async with open_transport("registry.example", insecure=False, patience=HURRIED) as opened:
            with pytest.raises(RegistryUnreachable, match="proxy") as refused:
                await fetched(opened, "https://registry.example/")
    assert "sesame" not in str(refused.value)


async def test_https_goes_through_a_tunnel(
    monkeypatch: pytest.MonkeyPatch, tls: ssl.SSLContext, certificates: Path
) -> None:
    lines: list[bytes] = []
    async with plain_server(saying(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"), tls) as inner:

        async def tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            there_reader, there_writer = await asyncio.open_connection("127.0.0.1", inner)
            lines.append(b"connected")
            await asyncio.wait(
                [
                    asyncio.ensure_future(_copy(reader, there_writer)),
                    asyncio.ensure_future(_copy(there_reader, writer)),
                ],
                return_when=asyncio.FIRST_COMPLETED,
            )
            there_writer.close()

        async with plain_server(tunnel) as port:
            monkeypatch.setattr("tampu.registry.transport.getproxies", lambda: {"https": f"http://127.0.0.1:{port}"})
            monkeypatch.setattr("tampu.registry.proxies._is_this_machine", lambda _: False)
            async with transport("localhost", insecure=False, network=Network(certificates / "ca.pem")) as opened:
                assert await fetched(opened, f"https://localhost:{inner}/") == b"hi"
    assert lines == [b"connected"]


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(65536):
        writer.write(piece)
        await writer.drain()
