"""The one hardened way out: HTTP requests to one registry and to wherever it redirects, checked hop by hop.

Bounds: http and https only, and plain http only if the user said so; no address inside the network that the user did
not name; `Authorization` never leaves its origin; no cookies, no netrc; timeouts everywhere; only small documents are
unpacked, capped.
"""

import os
import platform
import re
import zlib
from collections.abc import AsyncIterable, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote
from urllib.request import getproxies

import aiohttp
import anyio
from aiohttp import ClientResponse, ClientTimeout, hdrs
from anyio import fail_after, to_thread
from yarl import URL

from tampu import OLLAMA_VERSION, __version__
from tampu.errors import RegistryDenied, RegistryError, RegistryUnreachable
from tampu.registry.addresses import AddressPolicy, GuardedResolver
from tampu.registry.network import Network, trusted_authorities
from tampu.registry.patience import Patience
from tampu.registry.proxies import proxy_for

_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}
_MACHINE = _MACHINES.get(platform.machine(), platform.machine())
USER_AGENT = f"ollama/{OLLAMA_VERSION} ({_MACHINE} {platform.system().lower()}) tampu/{__version__}"
"""Names Ollama's level first: its registry refuses models that need a newer one by this header."""
_READ_BUFFER_BYTES = 1 << 16
"""Little: what waits here when the process is killed has to come again."""
_ERROR_BYTES = 4096
_ERROR_S = 10.0
"""How long the words of an error are waited for: its status is known already."""
_URL_CHARACTERS = "!#$%&'()*+,/:;=?@[]~-._"
_HOST = re.compile(r"[A-Za-z0-9_.-]+|[0-9A-Fa-f:.]+(%[A-Za-z0-9_.%-]+)?", re.ASCII)
"""A name or an address. Other spellings, percent signs above all, mean one thing here and another to a proxy."""
_REDIRECTS = frozenset({301, 302, 303, 307, 308})

Body = bytes | AsyncIterable[bytes]
"""What a request carries. Pieces need a `Content-Length` header."""


class Transport:
    """Sends requests on behalf of a user who named one host. Made by `open_transport`."""

    def __init__(
        self, session: aiohttp.ClientSession, policy: AddressPolicy, *, insecure: bool, patience: Patience
    ) -> None:
        self._session, self._policy, self._insecure = session, policy, insecure
        self.patience = patience

    @asynccontextmanager
    async def send(
        self,
        method: str,
        url: URL,
        headers: Mapping[str, str],
        *,
        body: Body | None = None,
        answer_s: float | None = None,
        by: float | None = None,
    ) -> AsyncIterator[ClientResponse]:
        """One request, no redirect followed; raises RegistryUnreachable or RegistryDenied.

        `answer_s`: how long the answer may take once the body is sent, where that is longer than usual. `by`: when it
        must have begun, on anyio's clock; a request without a body has the time of a document.
        """
        self._check(url)
        _check_headers(headers)
        options: dict[str, Any] = {"headers": headers, "allow_redirects": False, "proxy": self._proxy_for(url)}
        if body is not None:
            options["data"] = body
        if answer_s is not None:
            options["timeout"] = ClientTimeout(total=None, connect=self.patience.connect_s, sock_read=answer_s)
        try:
            if by is None:
                patient_s = max(self.patience.document_s, answer_s or 0)
                by = anyio.current_time() + patient_s if body is None else float("inf")
            # Else a byte of a header now and then would keep the request alive for ever.
            with fail_after(by - anyio.current_time()):
                response = await self._session.request(method, url, **options)
            async with response:
                yield response
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise explain(error, method, url) from None

    @asynccontextmanager
    async def follow(self, method: str, url: URL, headers: Mapping[str, str]) -> AsyncIterator[ClientResponse]:
        """One request and the redirects it is answered with; `Authorization` stays with its origin."""
        by = anyio.current_time() + self.patience.document_s
        for _ in range(self.patience.max_redirects + 1):
            async with self.send(method, url, headers, by=by) as response:
                target = redirect_target(response)
                if target is None:
                    yield response
                    return
            url, headers = target, headers_for(url, target, headers)
        raise RegistryError(f'{method.title()} "{url}": stopped after {self.patience.max_redirects} redirects')

    def _check(self, url: URL) -> None:
        if url.scheme not in {"http", "https"} or not url.host:
            raise RegistryDenied(
                f"the registry points to {url.scheme or 'nowhere'}://: only http and https are followed"
            )
        if url.scheme == "http" and not self._insecure:
            raise RegistryDenied(f"the registry points to plain http on {url.host}: refused without the insecure flag")
        if not _HOST.fullmatch(url.raw_host or ""):
            raise RegistryDenied("the registry points to a host whose name is none: refused")
        self._policy.check_host(url.raw_host or "")

    def _proxy_for(self, url: URL) -> URL | None:
        """The proxy that the system's own settings name for `url`."""
        proxy = proxy_for(url, getproxies())
        if proxy is not None:
            self._policy.trust_proxy(proxy.host or "", proxy.port)
        return proxy


@asynccontextmanager
async def open_transport(
    host: str, *, insecure: bool, patience: Patience, network: Network | None = None
) -> AsyncIterator[Transport]:
    """A transport for a user who named `host` (without a port); raises ConfigError for unreadable certificates."""
    network = network or Network()
    policy = AddressPolicy(host, allows_lan=network.allows_lan)
    authorities = await to_thread.run_sync(trusted_authorities, network.ca_file)
    connector = aiohttp.TCPConnector(resolver=GuardedResolver(policy), limit=0, ssl=authorities)
    timeout = ClientTimeout(total=None, connect=patience.connect_s, sock_read=patience.silence_s)
    async with aiohttp.ClientSession(
        connector=connector,
        timeout=timeout,
        headers={hdrs.USER_AGENT: USER_AGENT},
        skip_auto_headers=(hdrs.ACCEPT_ENCODING, hdrs.ACCEPT, hdrs.CONTENT_TYPE),
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        read_bufsize=_READ_BUFFER_BYTES,
    ) as session:
        yield Transport(session, policy, insecure=insecure, patience=patience)


def _check_headers(headers: Mapping[str, str]) -> None:
    """Refuse a token that would write further lines into the request; raises RegistryDenied."""
    if any(not letter.isprintable() for value in headers.values() for letter in value):
        raise RegistryDenied("the registry gave a token that holds control characters: refused")


def redirect_target(response: ClientResponse) -> URL | None:
    """Where a redirecting answer points to; None for any other answer."""
    location = response.headers.get(hdrs.LOCATION)
    if response.status not in _REDIRECTS or not location:
        return None
    return named_place(response, location)


def named_place(response: ClientResponse, location: str) -> URL:
    """The address that a `Location` means, without a user name; raises RegistryError for one that is none."""
    # What no address holds would be sent on in the next request's first line.
    location = quote(location.strip(), safe=_URL_CHARACTERS, errors="surrogateescape")
    try:
        # A user name in the address would be sent on as credentials, and is a way to hide the real host.
        return response.url.join(URL(location, encoded=True)).with_user(None)
    except ValueError:
        raise RegistryError("the registry redirects to an address that is none") from None


def headers_for(source: URL, target: URL, headers: Mapping[str, str]) -> dict[str, str]:
    """`headers` as they may go on from `source` to `target`: credentials only within one origin."""
    if source.origin() == target.origin():
        return dict(headers)
    return {name: value for name, value in headers.items() if name.lower() != "authorization"}


async def read_document(response: ClientResponse, patience: Patience) -> bytes:
    """The body of a small document, however it is packed; raises RegistryError once it passes the limit."""
    limit = patience.max_document_bytes
    document = b""
    is_too_long = (response.content_length or 0) > limit
    if not is_too_long:
        with fail_after(patience.document_s):
            document = await _read_up_to(response, limit + 1)
    if is_too_long or len(document) > limit:
        raise RegistryError(f"the registry sent more than {limit} bytes where a small document belongs: refused")
    return document


async def error_text(response: ClientResponse) -> str:
    """The start of an error's body, for the message; nothing in it can steer a terminal."""
    taken = bytearray()
    try:
        with anyio.move_on_after(_ERROR_S):
            await _read_into(taken, response, _ERROR_BYTES)
    except (RegistryError, aiohttp.ClientError, OSError):
        pass  # the status tells what matters
    text = taken.decode("utf-8", "replace")
    return "".join(letter if letter.isprintable() or letter in "\n\t" else "\ufffd" for letter in text)


async def _read_up_to(response: ClientResponse, limit: int) -> bytes:
    taken = bytearray()
    await _read_into(taken, response, limit)
    return bytes(taken)


async def _read_into(taken: bytearray, response: ClientResponse, limit: int) -> None:
    """Take the first bytes of a body, unpacked; neither the rest of it nor more than that is ever held."""
    packing = response.headers.get(hdrs.CONTENT_ENCODING, "").lower()
    inflate = zlib.decompressobj(zlib.MAX_WBITS | 32) if packing in {"gzip", "x-gzip", "deflate"} else None
    async for piece in response.content.iter_any():
        room = limit - len(taken)
        try:
            taken += inflate.decompress(piece, room) if inflate else piece[:room]
        except zlib.error:
            raise RegistryError("the registry sent a packed document that cannot be unpacked") from None
        if len(taken) >= limit:
            return


def explain(error: Exception, method: str, url: URL) -> RegistryUnreachable:
    """The border to aiohttp: what went wrong, in the words that clients of Ollama know."""
    return RegistryUnreachable(f'{method.title()} "{url}": {_cause(error, url)}')


def _cause(error: Exception, url: URL) -> str:
    for kinds, words in _CAUSES:
        if isinstance(error, kinds):
            return words(error, url)
    return str(error) or type(error).__name__


def _tls_cause(error: Exception, url: URL) -> str:
    if "WRONG_VERSION" in str(error) or "RECORD_LAYER" in str(error):
        return "tls: first record does not look like a TLS handshake"
    return f"tls: no secure connection to {url.host}: {error}"


def _strerror(error: aiohttp.ClientConnectorError) -> str:
    # asyncio words the text itself; the number is the system's.
    number = error.os_error.errno
    return (os.strerror(number) if number and number > 0 else str(error.os_error)).lower()


_Kinds = type[Exception] | tuple[type[Exception], ...]
_CAUSES: tuple[tuple[_Kinds, Callable[[Any, URL], str]], ...] = (
    (aiohttp.ClientConnectorDNSError, lambda _, url: f"dial tcp: lookup {url.host}: no such host"),
    (
        aiohttp.ClientConnectorCertificateError,
        lambda error, _: f"tls: failed to verify certificate: {error.certificate_error}",
    ),
    (aiohttp.ClientSSLError, _tls_cause),
    # Its own text names the proxy with its password.
    (aiohttp.ClientHttpProxyError, lambda error, _: f"the proxy refused: {error.status} {error.message}"),
    (aiohttp.ClientProxyConnectionError, lambda error, _: f"proxyconnect tcp: {_strerror(error)}"),
    (aiohttp.ClientConnectorError, lambda error, url: f"dial tcp {url.host}:{url.port}: connect: {_strerror(error)}"),
    (aiohttp.ConnectionTimeoutError, lambda _, url: f"dial tcp {url.host}:{url.port}: i/o timeout"),
    (TimeoutError, lambda *_: "no answer in time"),
    ((aiohttp.ServerDisconnectedError, aiohttp.ClientPayloadError), lambda *_: "unexpected EOF"),
)
"""What Go's client would have said, most specific first."""
