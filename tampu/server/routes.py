"""The one table of routes: method, path, and by which dialect's codec which operation answers."""

from collections.abc import AsyncIterator, Sequence

from tampu.api.dialect import Reply
from tampu.api.native import about, blobs, chat, create, embed, generate, manage, models, transfer
from tampu.api.native.errors import PLAIN, native_error
from tampu.config import Settings
from tampu.descriptions import LoadedModel, ModelDescription, ModelSummary
from tampu.errors import TampuError
from tampu.generation import EmbeddingRequest, Embeddings, GenerationEvent, GenerationRequest
from tampu.server.exchange import Exchange
from tampu.server.handlers import Endpoint, answering, fixed, pure, streaming, uploading
from tampu.server.operations import Operations
from tampu.server.router import Route


def routes(operations: Operations, settings: Settings) -> tuple[Route[Endpoint], ...]:
    """Every route of the server."""
    return (*_inference_routes(operations), *_library_routes(operations), *_about_routes(settings))


def _inference_routes(operations: Operations) -> tuple[Route[Endpoint], ...]:
    def run(request: GenerationRequest, exchange: Exchange) -> AsyncIterator[GenerationEvent]:
        return operations.generate(request, started_ns=exchange.started_ns)

    async def embed_texts(request: EmbeddingRequest, exchange: Exchange) -> Embeddings:
        return await operations.embed(request, started_ns=exchange.started_ns)

    return (
        Route("POST", "/api/generate", streaming(generate.CODEC, run)),
        Route("POST", "/api/chat", streaming(chat.CODEC, run)),
        Route("POST", "/api/embed", answering(embed.EMBED_CODEC, embed_texts)),
        Route("POST", "/api/embeddings", answering(embed.LEGACY_CODEC, embed_texts)),
    )


def _library_routes(operations: Operations) -> tuple[Route[Endpoint], ...]:
    async def tags(_: None, __: Exchange) -> Sequence[ModelSummary]:
        return await operations.list_models()

    async def ps(_: None, __: Exchange) -> Sequence[LoadedModel]:
        return await operations.loaded_models()

    async def show(call: models.ShowCall, _: Exchange) -> ModelDescription:
        return await operations.show(call.request)

    list_models = answering(models.TAGS_CODEC, tags)
    return (
        Route("GET", "/api/tags", list_models),
        Route("HEAD", "/api/tags", list_models),
        Route("GET", "/api/ps", answering(models.PS_CODEC, ps)),
        Route("POST", "/api/show", answering(models.SHOW_CODEC, show)),
        Route("POST", "/api/create", streaming(create.CREATE_CODEC, lambda request, _: operations.create(request))),
        Route("POST", "/api/pull", streaming(transfer.PULL_CODEC, lambda request, _: operations.pull(request))),
        Route("POST", "/api/copy", answering(manage.COPY_CODEC, lambda request, _: operations.copy_model(request))),
        Route(
            "DELETE", "/api/delete", answering(manage.DELETE_CODEC, lambda request, _: operations.delete_model(request))
        ),
        Route(
            "HEAD",
            "/api/blobs/:digest",
            answering(blobs.HAS_BLOB_CODEC, lambda digest, _: operations.has_blob(digest), reads_body=False),
        ),
        Route("POST", "/api/blobs/:digest", uploading(blobs.RECEIVE_BLOB_CODEC, operations.receive_blob)),
    )


def _about_routes(settings: Settings) -> tuple[Route[Endpoint], ...]:
    root, version, signed_out = fixed(about.ROOT), fixed(about.VERSION), fixed(about.NOT_SIGNED_OUT)
    return (
        Route("GET", "/", root),
        Route("HEAD", "/", root),
        Route("GET", "/api/version", version),
        Route("HEAD", "/api/version", version),
        Route("GET", "/api/status", fixed(about.STATUS[settings.no_cloud])),
        Route("POST", "/api/me", fixed(about.NOT_SIGNED_IN)),
        Route("POST", "/api/signout", signed_out),
        Route("DELETE", "/api/user/keys/:encodedKey", signed_out),
        Route("POST", "/api/experimental/web_search", pure(about.web_search, _plain_error)),
        Route("POST", "/api/experimental/web_fetch", pure(about.web_fetch, _plain_error)),
        Route("GET", "/api/experimental/model-recommendations", fixed(about.NO_RECOMMENDATIONS)),
    )


def _plain_error(error: TampuError) -> Reply:
    return native_error(error, PLAIN)
