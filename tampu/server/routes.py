"""The one table of routes: method, path, and by which dialect's codec which operation answers."""

from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

from tampu.api.anthropic import count as anthropic_count
from tampu.api.anthropic import messages as anthropic_messages
from tampu.api.anthropic import models as anthropic_models
from tampu.api.anthropic.asking import Asked as AskedMessage
from tampu.api.dialect import AnswerCodec
from tampu.api.native import (
    about,
    blobs,
    chat,
    create,
    embed,
    engines,
    generate,
    logs,
    manage,
    models,
    offers,
    queue,
    rerank,
    tokens,
    transfer,
    upkeep,
)
from tampu.api.native import tune as tuning
from tampu.api.native.errors import PLAIN, errors_of
from tampu.api.openai import chat as openai_chat
from tampu.api.openai import completions as openai_completions
from tampu.api.openai import embeddings as openai_embeddings
from tampu.api.openai import models as openai_models
from tampu.api.openai import rerank as openai_rerank
from tampu.api.openai import tokens as openai_tokens
from tampu.api.openai import transcriptions
from tampu.api.openai.asking import Asked
from tampu.api.openai.responses import count as openai_count
from tampu.api.openai.responses import create as openai_responses
from tampu.api.openai.responses import stored as openai_stored
from tampu.api.openai.responses.asked import Asked as AskedResponse
from tampu.deferred import Deferred
from tampu.descriptions import LoadedModel, ModelDescription, ModelSummary, Offers, QueuedRequest
from tampu.errors import Forbidden
from tampu.generation import (
    ChoicesEvent,
    DetokenizeRequest,
    EmbeddingRequest,
    Embeddings,
    GenerationEvent,
    GenerationRequest,
    JoinedText,
    Ranking,
    RerankRequest,
    TokenizeRequest,
    Tokens,
)
from tampu.management import (
    AdoptRequest,
    CopyRequest,
    CreateRequest,
    DeleteRequest,
    PurgeRequest,
    TransferRequest,
    VerifyRequest,
)
from tampu.progress import Progress
from tampu.responses import KeptResponse, ResponseEvent
from tampu.server.exchange import Exchange
from tampu.server.handlers import Endpoint, answering, counted, fixed, prepared, pure, streaming, uploading
from tampu.server.router import Route
from tampu.upkeep import (
    BuildEngineRequest,
    Finding,
    FoundEngine,
    LogRequest,
    Purged,
    Tuned,
    TuneRequest,
    Unfinished,
    Verified,
)


def _generate(request: GenerationRequest, exchange: Exchange) -> AsyncIterator[GenerationEvent]:
    return exchange.behind.operations.generate(request, arrival=exchange.arrival)


def _generate_choices(asked: Asked, exchange: Exchange) -> AsyncIterator[ChoicesEvent]:
    return exchange.behind.operations.generate_choices(asked.choices, arrival=exchange.arrival)


def _respond(asked: AskedResponse, exchange: Exchange) -> AsyncIterator[ResponseEvent]:
    return exchange.behind.operations.respond(asked, arrival=exchange.arrival)


async def _count_response_tokens(asked: AskedResponse, exchange: Exchange) -> int:
    return await exchange.behind.operations.count_response_tokens(asked, arrival=exchange.arrival)


async def _find_response(response_id: str, exchange: Exchange) -> KeptResponse:
    return await exchange.behind.operations.find_response(response_id)


async def _response_items(page: openai_stored.Page, exchange: Exchange) -> KeptResponse:
    return await exchange.behind.operations.find_response(page.id)


async def _remove_response(response_id: str, exchange: Exchange) -> None:
    await exchange.behind.operations.remove_response(response_id)


async def _cancel_response(response_id: str, exchange: Exchange) -> KeptResponse:
    behind = exchange.behind
    return await behind.operations.cancel_response(response_id, behind.underway.cancel)


def _generate_message(asked: AskedMessage, exchange: Exchange) -> AsyncIterator[GenerationEvent]:
    return exchange.behind.operations.generate(asked.request, arrival=exchange.arrival)


async def _count_tokens(asked: AskedMessage, exchange: Exchange) -> int:
    return await exchange.behind.operations.count_tokens(asked.request, arrival=exchange.arrival)


async def _embed(request: EmbeddingRequest, exchange: Exchange) -> Embeddings:
    return await exchange.behind.operations.embed(request, arrival=exchange.arrival)


def _transcribe(call: transcriptions.TranscriptionCall, exchange: Exchange) -> AsyncIterator[GenerationEvent]:
    return exchange.behind.operations.generate(call.request, arrival=exchange.arrival)


async def _embed_call(call: openai_embeddings.EmbeddingCall, exchange: Exchange) -> Embeddings:
    return await exchange.behind.operations.embed(call.request, arrival=exchange.arrival)


async def _tokenize(request: TokenizeRequest, exchange: Exchange) -> Tokens:
    return await exchange.behind.operations.tokenize(request, arrival=exchange.arrival)


async def _detokenize(request: DetokenizeRequest, exchange: Exchange) -> JoinedText:
    return await exchange.behind.operations.detokenize(request, arrival=exchange.arrival)


async def _rerank(request: RerankRequest, exchange: Exchange) -> Ranking:
    return await exchange.behind.operations.rerank(request, arrival=exchange.arrival)


async def _rerank_call(call: openai_rerank.RerankCall, exchange: Exchange) -> Ranking:
    return await exchange.behind.operations.rerank(call.request, arrival=exchange.arrival)


async def _tags(_: object, exchange: Exchange) -> Sequence[ModelSummary]:
    return await exchange.behind.operations.list_models()


async def _ps(_: None, exchange: Exchange) -> Sequence[LoadedModel]:
    return await exchange.behind.operations.loaded_models()


async def _queue(_: None, exchange: Exchange) -> Sequence[QueuedRequest]:
    return exchange.behind.underway.described(exchange.behind.operations.standings())


async def _cancel(request_id: str, exchange: Exchange) -> None:
    exchange.behind.underway.cancel(request_id)


async def _show(call: models.ShowCall, exchange: Exchange) -> ModelDescription:
    return await exchange.behind.operations.show(call.request)


def _create(request: CreateRequest, exchange: Exchange) -> AsyncIterator[Progress]:
    return exchange.behind.operations.create(request)


def _pull(request: TransferRequest, exchange: Exchange) -> AsyncIterator[Progress]:
    return exchange.behind.operations.pull(request)


def _push(request: TransferRequest, exchange: Exchange) -> AsyncIterator[Progress]:
    return exchange.behind.operations.push(request)


async def _copy(request: CopyRequest, exchange: Exchange) -> None:
    await exchange.behind.operations.copy_model(request)


async def _delete(request: DeleteRequest, exchange: Exchange) -> None:
    await exchange.behind.operations.delete_model(request)


async def _has_blob(digest: str, exchange: Exchange) -> bool:
    return await exchange.behind.operations.has_blob(digest)


async def _receive_blob(digest: str, exchange: Exchange) -> bool:
    return await exchange.behind.operations.receive_blob(digest, exchange.pieces())


def _adopt_blob(request: AdoptRequest, exchange: Exchange) -> AsyncIterator[Progress]:
    _require_here(exchange, "name a file; upload it")
    return exchange.behind.operations.adopt_blob(request)


def _verify(request: VerifyRequest, exchange: Exchange) -> AsyncIterator[Progress | Verified]:
    return exchange.behind.operations.verify(request)


def _purge(request: PurgeRequest, exchange: Exchange) -> AsyncIterator[Progress | Purged]:
    return exchange.behind.operations.purge(request)


async def _partials(_: None, exchange: Exchange) -> Sequence[Unfinished]:
    return await exchange.behind.operations.list_unfinished()


async def _catalog(_: None, exchange: Exchange) -> Offers:
    return await exchange.behind.operations.list_offers()


async def _doctor(_: None, exchange: Exchange) -> Sequence[Finding]:
    _require_here(exchange, "examine it; run 'tampu doctor' there")
    return await exchange.behind.operations.examine()


_SEE_TO_ENGINES: Final = "see to its engines; run 'tampu engine' there"


async def _engines(_: None, exchange: Exchange) -> Sequence[FoundEngine]:
    _require_here(exchange, _SEE_TO_ENGINES)
    return await exchange.behind.operations.list_engines()


async def _use_engine(name: str, exchange: Exchange) -> None:
    _require_here(exchange, _SEE_TO_ENGINES)
    await exchange.behind.operations.use_engine(name)


def _build_engine(request: BuildEngineRequest, exchange: Exchange) -> AsyncIterator[Progress]:
    _require_here(exchange, _SEE_TO_ENGINES)
    return exchange.behind.operations.build_engine(request)


def _tune(request: TuneRequest, exchange: Exchange) -> AsyncIterator[Progress | Tuned]:
    _require_here(exchange, _SEE_TO_ENGINES)
    return exchange.behind.operations.tune(request)


def _logs(request: LogRequest, exchange: Exchange) -> AsyncIterator[str]:
    _require_here(exchange, "read its log; run 'tampu logs' there")
    return exchange.behind.operations.read_logs(request)


def _require_here(exchange: Exchange, to_do: str) -> None:
    """Refuse what is for those alone who can run programs, and read files, on this machine anyway.

    `to_do`: what it is, and what others do instead; raises Forbidden.
    """
    if not exchange.is_from_here:
        raise Forbidden(f"only a program on the server's own machine may {to_do}")


async def _status(exchange: Exchange) -> None:
    await exchange.reply(about.STATUS[exchange.behind.settings.cloud_switch])


_plain_error: Final = errors_of(PLAIN)


def _by_client(
    anthropic: AnswerCodec[Any, Sequence[ModelSummary]], others: AnswerCodec[Any, Sequence[ModelSummary]]
) -> Endpoint:
    """An endpoint about models that two dialects have under one path: Anthropic's clients name a version of theirs."""
    for_anthropic = answering(anthropic, _tags, reads_body=False)
    for_others = answering(others, _tags)

    async def endpoint(exchange: Exchange) -> None:
        speaks_anthropic = "anthropic-version" in exchange.bodiless_call().headers
        await (for_anthropic if speaks_anthropic else for_others)(exchange)

    return endpoint


_ROOT, _VERSION, _SIGNED_OUT = fixed(about.ROOT), fixed(about.VERSION), fixed(about.NOT_SIGNED_OUT)
_LIST_MODELS = answering(models.TAGS_CODEC, _tags)

ROUTES: Final[tuple[Route[Endpoint], ...]] = (
    Route("GET", "/", _ROOT),
    Route("HEAD", "/", _ROOT),
    Route("GET", "/openapi.yaml", prepared(Deferred("tampu.server.description", "written"), _plain_error)),
    Route("GET", "/openapi.json", prepared(Deferred("tampu.server.description", "as_json"), _plain_error)),
    Route("GET", "/metrics", counted),
    Route("POST", "/api/generate", streaming(generate.CODEC, _generate)),
    Route("POST", "/api/chat", streaming(chat.CODEC, _generate)),
    Route("POST", "/api/embed", answering(embed.EMBED_CODEC, _embed)),
    Route("POST", "/api/embeddings", answering(embed.LEGACY_CODEC, _embed)),
    Route("POST", "/api/tokenize", answering(tokens.TOKENIZE_CODEC, _tokenize)),
    Route("POST", "/api/detokenize", answering(tokens.DETOKENIZE_CODEC, _detokenize)),
    Route("POST", "/api/rerank", answering(rerank.RERANK_CODEC, _rerank)),
    Route("GET", "/api/tags", _LIST_MODELS),
    Route("HEAD", "/api/tags", _LIST_MODELS),
    Route("GET", "/api/ps", answering(models.PS_CODEC, _ps)),
    Route("GET", "/api/queue", answering(queue.QUEUE_CODEC, _queue)),
    Route("DELETE", "/api/queue/:id", answering(queue.CANCEL_CODEC, _cancel)),
    Route("POST", "/api/show", answering(models.SHOW_CODEC, _show)),
    Route("POST", "/api/create", streaming(create.CREATE_CODEC, _create)),
    Route("POST", "/api/pull", streaming(transfer.PULL_CODEC, _pull)),
    Route("POST", "/api/push", streaming(transfer.PUSH_CODEC, _push)),
    Route("POST", "/api/copy", answering(manage.COPY_CODEC, _copy)),
    Route("DELETE", "/api/delete", answering(manage.DELETE_CODEC, _delete)),
    Route("HEAD", "/api/blobs/:digest", answering(blobs.HAS_BLOB_CODEC, _has_blob, reads_body=False)),
    Route("POST", "/api/blobs/:digest", uploading(blobs.RECEIVE_BLOB_CODEC, _receive_blob)),
    Route("POST", "/api/blobs/:digest/adopt", streaming(blobs.ADOPT_BLOB_CODEC, _adopt_blob)),
    Route("POST", "/api/verify", streaming(upkeep.VERIFY_CODEC, _verify)),
    Route("POST", "/api/purge", streaming(upkeep.PURGE_CODEC, _purge)),
    Route("GET", "/api/partials", answering(upkeep.PARTIALS_CODEC, _partials)),
    Route("GET", "/api/catalog", answering(offers.OFFERS_CODEC, _catalog)),
    Route("GET", "/api/doctor", answering(upkeep.DOCTOR_CODEC, _doctor)),
    Route("GET", "/api/engines", answering(engines.LIST_CODEC, _engines)),
    Route("POST", "/api/engines/use", answering(engines.USE_CODEC, _use_engine)),
    Route("POST", "/api/engines/build", streaming(engines.BUILD_CODEC, _build_engine)),
    Route("POST", "/api/tune", streaming(tuning.CODEC, _tune)),
    Route("GET", "/api/logs", streaming(logs.CODEC, _logs, reads_body=False)),
    Route("GET", "/api/version", _VERSION),
    Route("HEAD", "/api/version", _VERSION),
    Route("GET", "/api/status", _status),
    Route("POST", "/v1/chat/completions", streaming(openai_chat.CODEC, _generate_choices)),
    Route("POST", "/v1/completions", streaming(openai_completions.CODEC, _generate_choices)),
    Route("POST", "/v1/responses", streaming(openai_responses.CODEC, _respond)),
    Route("POST", "/v1/responses/input_tokens", answering(openai_count.CODEC, _count_response_tokens)),
    Route("GET", "/v1/responses/:id", answering(openai_stored.GET_CODEC, _find_response, reads_body=False)),
    Route("DELETE", "/v1/responses/:id", answering(openai_stored.DELETE_CODEC, _remove_response)),
    Route("POST", "/v1/responses/:id/cancel", answering(openai_stored.CANCEL_CODEC, _cancel_response)),
    Route(
        "GET", "/v1/responses/:id/input_items", answering(openai_stored.ITEMS_CODEC, _response_items, reads_body=False)
    ),
    Route("POST", "/v1/audio/transcriptions", streaming(transcriptions.CODEC, _transcribe)),
    Route("POST", "/v1/embeddings", answering(openai_embeddings.CODEC, _embed_call)),
    Route("POST", "/v1/rerank", answering(openai_rerank.CODEC, _rerank_call)),
    Route("POST", "/v1/tokenize", answering(openai_tokens.TOKENIZE_CODEC, _tokenize)),
    Route("POST", "/v1/detokenize", answering(openai_tokens.DETOKENIZE_CODEC, _detokenize)),
    Route("GET", "/v1/models", _by_client(anthropic_models.LIST_CODEC, openai_models.LIST_CODEC)),
    Route("GET", "/v1/models/*model", _by_client(anthropic_models.MODEL_CODEC, openai_models.MODEL_CODEC)),
    Route("POST", "/v1/messages", streaming(anthropic_messages.CODEC, _generate_message)),
    Route("POST", "/v1/messages/count_tokens", answering(anthropic_count.CODEC, _count_tokens)),
    Route("POST", "/api/me", fixed(about.NOT_SIGNED_IN)),
    Route("POST", "/api/signout", _SIGNED_OUT),
    Route("DELETE", "/api/user/keys/:encodedKey", _SIGNED_OUT),
    Route("POST", "/api/experimental/web_search", pure(about.web_search, _plain_error)),
    Route("POST", "/api/experimental/web_fetch", pure(about.web_fetch, _plain_error)),
    Route("GET", "/api/experimental/model-recommendations", fixed(about.NO_RECOMMENDATIONS)),
)
