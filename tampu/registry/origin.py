"""What a download draws a blob from: a registry, or any address that serves files."""

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from aiohttp import ClientResponse

from tampu.registry.client import BlobPlace
from tampu.registry.patience import Patience


class Origin(Protocol):
    """Answers where a blob is and how long it is, and opens stretches of it. RegistryClient is one."""

    @property
    def patience(self) -> Patience:
        """The limits of the conversation."""

    async def blob_size(self, digest: str) -> int | None:
        """The blob's size in bytes; None if nobody says. Raises RegistryError where there is no such blob."""

    async def locate_blob(self, digest: str) -> BlobPlace:
        """Where its bytes are to be had right now; raises RegistryError."""

    def open_range(self, place: BlobPlace, start: int, end: int) -> AbstractAsyncContextManager[ClientResponse]:
        """The answer to a request for bytes `start` up to but not including `end`, whatever its status."""

    def open_whole(self, place: BlobPlace) -> AbstractAsyncContextManager[ClientResponse]:
        """The answer to a request for all bytes, whatever its status."""
