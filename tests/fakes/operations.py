"""Operations that need no model: an empty store, or answers that a test scripts."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from functools import partial
from typing import Any

import anyio

from tampu.arrival import Arrival
from tampu.descriptions import Offer, Offers, Room
from tampu.errors import DigestMismatch, ModelNotFound
from tampu.generation import (
    Embeddings,
    GenerationEvent,
    GenerationRequest,
    JoinedText,
    Rank,
    Ranking,
    Tokens,
)
from tampu.names import ModelName
from tampu.operations.choices import generate_choices
from tampu.operations.count import count_tokens
from tampu.operations.responses import Responses
from tampu.progress import SUCCESS, Progress
from tampu.server.operations import Operations
from tampu.units import FOREVER
from tests.fakes.kept_responses import FakeKept

Step = GenerationEvent | Exception | Callable[[], Any]


class FakeOperations:
    """Knows the models in `models`; generates `script`: events are yielded, errors raised, functions awaited."""

    def __init__(self, script: Sequence[Step] = (), *, models: Sequence[str] = ()) -> None:
        self.script, self.models = list(script), set(models)
        self.requests: list[Any] = []
        self.running = 0
        self.blobs: dict[str, bytes] = {}
        self.share: Any = None
        self.progress: list[Progress | Exception] = [Progress("working"), SUCCESS]

    def bound(self) -> Operations:
        responses = Responses(self._generate, FakeKept(), lasting=lambda: FOREVER)
        return Operations(
            generate=self._generate,
            generate_choices=partial(generate_choices, self._generate),
            count_tokens=partial(count_tokens, self._generate),
            respond=responses.respond,
            count_response_tokens=responses.count_tokens,
            find_response=responses.find,
            remove_response=responses.remove,
            cancel_response=responses.cancel,
            embed=self._embed,
            tokenize=self._tokenize,
            detokenize=self._detokenize,
            rerank=self._rerank,
            list_models=self._nothing,
            loaded_models=self._nothing,
            standings=list,
            show=self._look_up,
            create=self._report,
            pull=self._report,
            push=self._report,
            copy_model=self._copy,
            delete_model=self._look_up,
            has_blob=self._has_blob,
            receive_blob=self._receive_blob,
            adopt_blob=self._report,
            verify=self._report,
            purge=self._report,
            list_offers=self._offers,
            list_unfinished=self._nothing,
            examine=self._nothing,
            read_logs=self._nothing,
            list_engines=self._nothing,
            use_engine=self._look_up,
            build_engine=self._report,
            tune=self._report,
            share=self.share,
        )

    def _check(self, name: str) -> None:
        if name not in self.models:
            raise ModelNotFound(name)

    async def _generate(self, request: GenerationRequest, *, arrival: Arrival) -> AsyncGenerator[GenerationEvent, None]:
        self.requests.append(request)
        self.running += 1
        try:
            self._check(request.model)
            for step in self.script:
                if isinstance(step, Exception):
                    raise step
                if callable(step):
                    await step()
                else:
                    yield step
        finally:
            self.running -= 1

    async def _embed(self, request: Any, *, arrival: Arrival) -> Embeddings:
        self.requests.append(request)
        self._check(request.model)
        return Embeddings(tuple((0.5, 0.25) for _ in request.inputs), prompt_tokens=len(request.inputs))

    async def _tokenize(self, request: Any, *, arrival: Arrival) -> Tokens:
        self._check(request.model)
        return Tokens(tuple(request.text.encode()))

    async def _detokenize(self, request: Any, *, arrival: Arrival) -> JoinedText:
        self._check(request.model)
        return JoinedText(bytes(request.tokens).decode())

    async def _rerank(self, request: Any, *, arrival: Arrival) -> Ranking:
        self._check(request.model)
        return Ranking(tuple(Rank(i, -float(i)) for i in range(len(request.documents))))

    async def _nothing(self) -> list[Any]:
        return []

    async def _offers(self) -> Offers:
        return Offers((Offer("small:1b", 10**9),), Room(16 * 10**9, 8 * 10**9))

    async def _look_up(self, request: Any) -> Any:
        self.requests.append(request)
        self._check(request.model)

    async def _copy(self, request: Any) -> None:
        if ModelName.parse(request.source) != ModelName.parse(request.destination):
            self._check(request.source)

    async def _report(self, request: Any) -> AsyncIterator[Progress]:
        self.requests.append(request)
        for step in self.progress:
            if isinstance(step, Exception):
                raise step
            yield step
            await anyio.sleep(0)

    async def _has_blob(self, digest: str) -> bool:
        return digest in self.blobs

    async def _receive_blob(self, digest: str, chunks: AsyncIterator[bytes]) -> bool:
        if digest in self.blobs:
            return False
        received = b"".join([chunk async for chunk in chunks])
        if received == b"wrong":
            raise DigestMismatch("digest mismatch", wanted=digest, got="other")
        self.blobs[digest] = received
        return True
