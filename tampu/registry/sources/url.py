"""Weights at an address: a file server seen as the origin of one blob, for the same download as from a registry."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import ClientResponse, hdrs
from yarl import URL

from tampu.errors import RegistryError, RegistryNotFound
from tampu.registry.client import BlobPlace, RegistryAnswer
from tampu.registry.network import Network
from tampu.registry.patience import Patience
from tampu.registry.ranges import retry_after_s
from tampu.registry.transport import Transport, error_text, open_transport

_NO_HEAD = frozenset({400, 401, 403, 405, 501})
"""How servers, and signed addresses, answer to HEAD although a GET would do."""


class UrlOrigin:
    """One file at one address. Made by `open_url`."""

    def __init__(self, transport: Transport, url: URL) -> None:
        self._transport, self._url = transport, url

    @property
    def patience(self) -> Patience:
        """The limits of the conversation."""
        return self._transport.patience

    async def blob_size(self, digest: str) -> int | None:  # noqa: ARG002  # it is the only blob here
        """What the server says; None if it does not say. Raises RegistryNotFound, RegistryAnswer."""
        return (await self._look())[1]

    async def locate_blob(self, digest: str) -> BlobPlace:  # noqa: ARG002  # as above
        """Where redirects lead at the moment."""
        return BlobPlace((await self._look())[0], {})

    @asynccontextmanager
    async def open_range(self, place: BlobPlace, start: int, end: int) -> AsyncIterator[ClientResponse]:
        """The answer to a request for bytes `start` up to but not including `end`, whatever its status."""
        async with self._transport.follow("GET", place.url, {hdrs.RANGE: f"bytes={start}-{end - 1}"}) as response:
            yield response

    @asynccontextmanager
    async def open_whole(self, place: BlobPlace) -> AsyncIterator[ClientResponse]:
        """The answer to a request for all bytes, whatever its status."""
        async with self._transport.follow("GET", place.url, {}) as response:
            yield response

    async def _look(self) -> tuple[URL, int | None]:
        async with self._transport.follow("HEAD", self._url, {}) as response:
            if response.status in _NO_HEAD:
                return self._url, None
            if response.status in {404, 410}:
                raise RegistryNotFound(f"there is no file at {self._url.host}{self._url.path}")
            if response.status >= 400:
                raise RegistryAnswer(response.status, await error_text(response), retry_after_s(response.headers))
            length = response.headers.get(hdrs.CONTENT_LENGTH, "")
            is_plain = hdrs.CONTENT_ENCODING not in response.headers
            return response.url, int(length) if is_plain and length.isascii() and length.isdigit() else None


@asynccontextmanager
async def open_url(address: str, patience: Patience, network: Network) -> AsyncIterator[UrlOrigin]:
    """The file at `address`, which the user or the catalog named; raises RegistryError for what is no address."""
    try:
        url = URL(address)
    except ValueError:
        raise RegistryError(f"{address!r} is no address") from None
    async with open_transport(
        url.host or "", insecure=url.scheme == "http", patience=patience, network=network
    ) as transport:
        yield UrlOrigin(transport, url)
