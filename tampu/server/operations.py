"""The operations that the server offers, bound to the services they work with. Tests bind their own."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol, TypeVar

from tampu.arrival import Arrival
from tampu.descriptions import LoadedModel, ModelDescription, ModelSummary, Offers, Standing
from tampu.generation import (
    ChoicesEvent,
    ChoicesRequest,
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
    ShowRequest,
    TransferRequest,
    VerifyRequest,
)
from tampu.progress import Progress
from tampu.responses import KeptResponse, ResponseEvent, ResponseRequest
from tampu.sharing import Lookup, SharedBlob, SharedManifest
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


class Generate(Protocol):
    """Run a request for text."""

    def __call__(self, request: GenerationRequest, *, arrival: Arrival) -> AsyncIterator[GenerationEvent]: ...


class GenerateChoices(Protocol):
    """Run a request for several texts."""

    def __call__(self, request: ChoicesRequest, *, arrival: Arrival) -> AsyncIterator[ChoicesEvent]: ...


class Respond(Protocol):
    """Run a request for a response."""

    def __call__(self, request: ResponseRequest, *, arrival: Arrival) -> AsyncIterator[ResponseEvent]: ...


class Embed(Protocol):
    """Run a request for vectors."""

    def __call__(self, request: EmbeddingRequest, *, arrival: Arrival) -> Awaitable[Embeddings]: ...


class Share(Protocol):
    """Let others read the stored models."""

    def manifest(self, lookup: Lookup) -> Awaitable[SharedManifest]: ...
    def blob(self, lookup: Lookup) -> AbstractAsyncContextManager[SharedBlob]: ...
    def tags(self, repository: str) -> Awaitable[Sequence[str]]: ...
    def repositories(self) -> Awaitable[Sequence[str]]: ...


RequestT_contra = TypeVar("RequestT_contra", contravariant=True)
AnswerT_co = TypeVar("AnswerT_co", covariant=True)


class Timed(Protocol[RequestT_contra, AnswerT_co]):
    """Run a request with one answer, which tells how long it took."""

    def __call__(self, request: RequestT_contra, /, *, arrival: Arrival) -> Awaitable[AnswerT_co]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Operations:
    """One callable for each thing that can be asked. `receive_blob` is True where the blob was not stored before."""

    generate: Generate
    generate_choices: GenerateChoices
    count_tokens: Timed[GenerationRequest, int]
    respond: Respond
    count_response_tokens: Timed[ResponseRequest, int]
    find_response: Callable[[str], Awaitable[KeptResponse]]
    remove_response: Callable[[str], Awaitable[None]]
    cancel_response: Callable[[str, Callable[[str], None]], Awaitable[KeptResponse]]
    embed: Embed
    tokenize: Timed[TokenizeRequest, Tokens]
    detokenize: Timed[DetokenizeRequest, JoinedText]
    rerank: Timed[RerankRequest, Ranking]
    list_models: Callable[[], Awaitable[Sequence[ModelSummary]]]
    loaded_models: Callable[[], Awaitable[Sequence[LoadedModel]]]
    standings: Callable[[], Sequence[Standing]]
    show: Callable[[ShowRequest], Awaitable[ModelDescription]]
    create: Callable[[CreateRequest], AsyncIterator[Progress]]
    pull: Callable[[TransferRequest], AsyncIterator[Progress]]
    push: Callable[[TransferRequest], AsyncIterator[Progress]]
    copy_model: Callable[[CopyRequest], Awaitable[None]]
    delete_model: Callable[[DeleteRequest], Awaitable[None]]
    has_blob: Callable[[str], Awaitable[bool]]
    receive_blob: Callable[[str, AsyncIterator[bytes]], Awaitable[bool]]
    adopt_blob: Callable[[AdoptRequest], AsyncIterator[Progress]]
    verify: Callable[[VerifyRequest], AsyncIterator[Progress | Verified]]
    purge: Callable[[PurgeRequest], AsyncIterator[Progress | Purged]]
    list_offers: Callable[[], Awaitable[Offers]]
    list_unfinished: Callable[[], Awaitable[Sequence[Unfinished]]]
    examine: Callable[[], Awaitable[Sequence[Finding]]]
    list_engines: Callable[[], Awaitable[Sequence[FoundEngine]]]
    use_engine: Callable[[str], Awaitable[None]]
    build_engine: Callable[[BuildEngineRequest], AsyncIterator[Progress]]
    tune: Callable[[TuneRequest], AsyncIterator[Progress | Tuned]]
    read_logs: Callable[[LogRequest], AsyncIterator[str]]
    share: Share
