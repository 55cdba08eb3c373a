"""The routes of a server that shares its models: Docker's registry protocol, to read. They exist by setting only."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Final

from tampu.api.registry.access import check_key
from tampu.api.registry.content import BLOB_CODEC, MANIFEST_CODEC, ContentCall
from tampu.api.registry.errors import READ_ONLY, registry_error
from tampu.api.registry.lists import CATALOG_CODEC, CHECK, TAGS_CODEC, ListCall
from tampu.errors import Unauthorized
from tampu.server.exchange import Exchange
from tampu.server.handlers import Endpoint, answering, fixed, sending
from tampu.server.router import Route
from tampu.sharing import SharedBlob, SharedManifest


async def _manifest(call: ContentCall, exchange: Exchange) -> SharedManifest:
    return await exchange.behind.operations.share.manifest(call.lookup)


def _blob(call: ContentCall, exchange: Exchange) -> AbstractAsyncContextManager[SharedBlob]:
    return exchange.behind.operations.share.blob(call.lookup)


async def _tags(call: ListCall, exchange: Exchange) -> Sequence[str]:
    return await exchange.behind.operations.share.tags(call.repository)


async def _repositories(_: ListCall, exchange: Exchange) -> Sequence[str]:
    return await exchange.behind.operations.share.repositories()


def _with_key(endpoint: Endpoint) -> Endpoint:
    """The endpoint, for those who have the key where there is one. Nothing is told to others, not what exists."""

    async def guarded(exchange: Exchange) -> None:
        try:
            check_key(exchange.behind.settings.registry_key, exchange.authorization)
        except Unauthorized as error:
            await exchange.reply(registry_error(error))
        else:
            await endpoint(exchange)

    return guarded


def _readable(path: str, endpoint: Endpoint) -> tuple[Route[Endpoint], ...]:
    guarded = _with_key(endpoint)
    return Route("GET", path, guarded), Route("HEAD", path, guarded)


_READ_ONLY = _with_key(fixed(READ_ONLY))

REGISTRY_ROUTES: Final[tuple[Route[Endpoint], ...]] = (
    *_readable("/v2/", fixed(CHECK)),
    *_readable("/v2/_catalog", answering(CATALOG_CODEC, _repositories, reads_body=False)),
    *_readable("/v2/*name/tags/list", answering(TAGS_CODEC, _tags, reads_body=False)),
    *_readable("/v2/*name/manifests/:reference", answering(MANIFEST_CODEC, _manifest, reads_body=False)),
    *_readable("/v2/*name/blobs/:reference", sending(BLOB_CODEC, _blob)),
    Route("PUT", "/v2/*name/manifests/:reference", _READ_ONLY),
    Route("DELETE", "/v2/*name/manifests/:reference", _READ_ONLY),
    Route("DELETE", "/v2/*name/blobs/:reference", _READ_ONLY),
    Route("POST", "/v2/*name/blobs/uploads/", _READ_ONLY),
)
