"""Asks one registry about one repository: manifests, sizes and places of blobs, ranges of them.

Speaks Ollama's registry protocol, which plain Docker and OCI registries speak, too. Retries and files are for others.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass

from aiohttp import ClientResponse, hdrs
from yarl import URL

from tampu.errors import RegistryError, RegistryNotFound, RegistryUnreachable
from tampu.registry.authorization import Authorization
from tampu.registry.endpoint import Endpoint
from tampu.registry.identity import Identity
from tampu.registry.logins import Logins
from tampu.registry.network import Network
from tampu.registry.patience import Patience
from tampu.registry.ranges import retry_after_s
from tampu.registry.transport import (
    Body,
    Transport,
    error_text,
    headers_for,
    named_place,
    open_transport,
    read_document,
    redirect_target,
)
from tampu.store.model import MANIFEST_TYPE

_OCI_MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"


@dataclass(frozen=True, slots=True)
class BlobPlace:
    """Where a blob's bytes are to be had right now. `headers` carry the token only to the registry itself."""

    url: URL
    headers: Mapping[str, str]


class RegistryClient:
    """One user's conversation with one repository; keeps what the registry knows the user by. Made by `open_client`."""

    def __init__(self, transport: Transport, endpoint: Endpoint, authorization: Authorization) -> None:
        self._transport, self._endpoint, self._authorization = transport, endpoint, authorization

    @property
    def patience(self) -> Patience:
        """The limits of this conversation."""
        return self._transport.patience

    async def manifest(self, tag: str) -> bytes:
        """The manifest's bytes as the registry keeps them; raises RegistryNotFound, RegistryDenied, RegistryError."""
        try:
            return await self._manifest(tag, MANIFEST_TYPE)
        except _OtherManifestType:
            return await self._manifest(tag, _OCI_MANIFEST_TYPE)

    async def _manifest(self, tag: str, kind: str) -> bytes:
        headers: dict[str, str] = {hdrs.ACCEPT: kind, hdrs.ACCEPT_ENCODING: "gzip"}
        async with self._ask("GET", f"manifests/{tag}", headers) as response:
            return await read_document(response, self.patience)

    async def blob_size(self, digest: str) -> int | None:
        """The blob's size in bytes; None if the registry does not say."""
        async with self._ask("HEAD", f"blobs/{digest}", {}) as response:
            length = response.headers.get(hdrs.CONTENT_LENGTH, "")
            return int(length) if length.isascii() and length.isdigit() else None

    async def locate_blob(self, digest: str) -> BlobPlace:
        """Where the bytes are: another host that the registry redirects to, else the registry itself."""
        headers: dict[str, str] = {hdrs.ACCEPT_ENCODING: "gzip"}
        async with self._ask("GET", f"blobs/{digest}", headers, leave_origin=False) as response:
            target = redirect_target(response) or _location(response)
            if target is None and response.status != 200:
                raise RegistryError(f"unexpected status code {response.status}")
            place = target or response.url
            return BlobPlace(place, headers_for(self._endpoint.base, place, self._authorization.headers))

    @asynccontextmanager
    async def open_range(self, place: BlobPlace, start: int, end: int) -> AsyncIterator[ClientResponse]:
        """The answer to a request for bytes `start` up to but not including `end`, whatever its status."""
        headers = {**place.headers, hdrs.RANGE: f"bytes={start}-{end - 1}"}
        async with self._transport.follow("GET", place.url, headers) as response:
            yield response

    @asynccontextmanager
    async def open_whole(self, place: BlobPlace) -> AsyncIterator[ClientResponse]:
        """The answer to a request for all bytes, whatever its status."""
        async with self._transport.follow("GET", place.url, place.headers) as response:
            yield response

    async def has_blob(self, digest: str) -> bool:
        """Whether the registry has the blob in this repository; raises RegistryDenied, RegistryError."""
        try:
            async with self._ask("HEAD", f"blobs/{digest}", {}):
                return True
        except RegistryNotFound:
            return False

    async def put_manifest(self, tag: str, content: bytes, kind: str) -> None:
        """Give the manifest its name; `kind` is its media type. Raises RegistryDenied, RegistryError."""
        kind = kind if kind == _OCI_MANIFEST_TYPE else MANIFEST_TYPE
        headers: dict[str, str] = {hdrs.CONTENT_TYPE: kind, hdrs.ACCEPT_ENCODING: "gzip"}
        async with self.exchange("PUT", self.url(f"manifests/{tag}"), headers, body=lambda: content) as response:
            if response.status >= 300:
                raise RegistryError(f"unexpected status code {response.status}")

    @asynccontextmanager
    async def exchange(
        self,
        method: str,
        url: URL,
        headers: Mapping[str, str],
        *,
        body: Callable[[], Body] | None = None,
        answer_s: float | None = None,
    ) -> AsyncIterator[ClientResponse]:
        """A good answer to a request that belongs to an upload. A redirect is an answer, too.

        `body` is called once for each time that it is sent. An address on another host is told nothing of the user.
        """

        def send(authorization: Mapping[str, str]) -> AbstractAsyncContextManager[ClientResponse]:
            content = body() if body is not None else None
            return self._transport.send(method, url, {**headers, **authorization}, body=content, answer_s=answer_s)

        with _unread(url):
            async with self._authorized(url, send) as response:
                yield response

    def url(self, path: str) -> URL:
        """The address of something in the repository."""
        return self._endpoint.url(path)

    @asynccontextmanager
    async def without_user(
        self, method: str, url: URL, headers: Mapping[str, str], body: Body
    ) -> AsyncIterator[ClientResponse]:
        """The answer, whatever its status, of a place that is told nothing of the user."""
        with _unread(url):
            async with self._transport.send(method, url, headers, body=body) as response:
                yield response

    @asynccontextmanager
    async def _ask(
        self, method: str, path: str, headers: Mapping[str, str], *, leave_origin: bool = True
    ) -> AsyncIterator[ClientResponse]:
        """A good answer to an authorised request."""
        url = self._endpoint.url(path)

        def send(authorization: Mapping[str, str]) -> AbstractAsyncContextManager[ClientResponse]:
            return self._send(method, url, {**headers, **authorization}, leave_origin=leave_origin)

        async with self._authorized(url, send) as response:
            yield response

    @asynccontextmanager
    async def _authorized(
        self, url: URL, send: Callable[[Mapping[str, str]], AbstractAsyncContextManager[ClientResponse]]
    ) -> AsyncIterator[ClientResponse]:
        """A good answer to what `send` sends along with what the registry wants to know of the user."""
        for _ in range(2):
            authorization = headers_for(self._endpoint.base, url, self._authorization.headers)
            async with send(authorization) as response:
                if response.status != 401:
                    await _check(response)
                    yield response
                    return
                challenge = response.headers.get(hdrs.WWW_AUTHENTICATE, "")
            await self._authorization.answer(challenge, sent=authorization.get(hdrs.AUTHORIZATION, ""))
        raise self._authorization.refused()

    @asynccontextmanager
    async def _send(
        self, method: str, url: URL, headers: Mapping[str, str], *, leave_origin: bool
    ) -> AsyncIterator[ClientResponse]:
        """The answer after all redirects, or with `leave_origin` False after those that stay on the same host."""
        if leave_origin:
            async with self._transport.follow(method, url, headers) as response:
                yield response
            return
        for _ in range(self.patience.max_redirects + 1):
            async with self._transport.send(method, url, headers) as response:
                target = redirect_target(response)
                if target is None or target.host != url.host:
                    yield response
                    return
            url, headers = target, headers_for(url, target, headers)
        raise RegistryError(f'{method.title()} "{url}": stopped after {self.patience.max_redirects} redirects')


class RegistryAnswer(RegistryError):
    """The registry answered with an error status; it may think better of it."""

    def __init__(self, code: int, text: str, wait_s: float | None) -> None:
        super().__init__(f"{code}: {text}")
        self.code, self.wait_s = code, wait_s


class _OtherManifestType(RegistryNotFound):
    """The registry has the manifest, in a type that was not asked for."""


@asynccontextmanager
async def open_client(
    endpoint: Endpoint,
    *,
    identity: Identity | None,
    patience: Patience,
    logins: Logins | None = None,
    network: Network | None = None,
) -> AsyncIterator[RegistryClient]:
    """A client for `endpoint`, with connections of its own."""
    host = endpoint.base.host or endpoint.authority
    async with open_transport(host, insecure=endpoint.is_insecure, patience=patience, network=network) as transport:
        authorization = Authorization(transport, endpoint.authority, identity=identity, logins=logins)
        yield RegistryClient(transport, endpoint, authorization)


def _location(response: ClientResponse) -> URL | None:
    """Where a 200 says that the content is: Ollama's registry may answer so instead of redirecting."""
    location = response.headers.get(hdrs.LOCATION)
    if not location or response.status != 200:
        return None
    return named_place(response, location)


@contextmanager
def _unread(url: URL) -> Iterator[None]:
    """Keep the query of an upload's address out of errors: whoever knows it can write there."""
    try:
        yield
    except RegistryUnreachable as error:
        error.message = error.message.replace(str(url), str(url.with_query(None)))
        error.args = (error.message,)
        raise


async def _check(response: ClientResponse) -> None:
    if response.status < 400:
        return
    text = await error_text(response)
    if response.status == 404:
        kind = _OtherManifestType if "OCI manifest found" in text else RegistryNotFound
        raise kind("file does not exist")
    raise RegistryAnswer(response.status, text, retry_after_s(response.headers))
