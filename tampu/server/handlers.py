"""Answers requests: decodes by a codec, runs an operation, encodes what comes of it, and stops with its client.

This is the server's error border: whatever fails behind it becomes an answer in the words of the dialect, and what
nobody foresaw becomes a line with the request's id for the client and a traceback for the log.
"""

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from typing import Protocol, TypeVar

import anyio
import anyio.to_thread

from tampu.api.dialect import AnswerCodec, Call, EventWriter, FileCodec, FileReply, Reply, StreamCodec
from tampu.audience import Audience, tell_all
from tampu.errors import Overloaded, RequestCanceled, TampuError
from tampu.server.exchange import ClientGone, Exchange
from tampu.server.outlet import Outlet

_log = logging.getLogger("tampu.server")

RequestT = TypeVar("RequestT")
AnswerT = TypeVar("AnswerT")
EventT = TypeVar("EventT")
Endpoint = Callable[[Exchange], Awaitable[None]]
ErrorEncoder = Callable[[TampuError], Reply]
LateErrorEncoder = Callable[[TampuError], bytes]


class File(Protocol):
    """What has bytes to send."""

    def pieces(self, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """The bytes from `start` up to but not including `end`."""


FileT = TypeVar("FileT", bound=File)

_STUCK_S = 300.0
"""A client that takes no byte of a file for so long is left."""
_LONG_BODY_BYTES = 256 * 1024
"""Longer bodies are decoded in a thread, so that other requests go on."""


def fixed(reply: Reply) -> Endpoint:
    """An endpoint that always says the same."""

    async def endpoint(exchange: Exchange) -> None:
        await exchange.reply(reply)

    return endpoint


def prepared(reply: Callable[[], Reply], encode_error: ErrorEncoder) -> Endpoint:
    """An endpoint that always says what `reply` gives, which takes a while the first time and so runs in a thread."""

    async def endpoint(exchange: Exchange) -> None:
        async with _errors_answered(exchange, encode_error):
            await exchange.reply(await anyio.to_thread.run_sync(reply))

    return endpoint


async def counted(exchange: Exchange) -> None:
    """The endpoint of the server's counts."""
    await exchange.reply(Reply(200, exchange.behind.passed_over.written(), "text/plain; version=0.0.4; charset=utf-8"))


def pure(answer: Callable[[Call], Reply], encode_error: ErrorEncoder) -> Endpoint:
    """An endpoint that needs nothing but the request."""

    async def endpoint(exchange: Exchange) -> None:
        async with _errors_answered(exchange, encode_error):
            await exchange.reply(answer(await exchange.call()))

    return endpoint


def answering(
    codec: AnswerCodec[RequestT, AnswerT],
    operation: Callable[[RequestT, Exchange], Awaitable[AnswerT]],
    *,
    reads_body: bool = True,
) -> Endpoint:
    """An endpoint that answers once."""

    async def endpoint(exchange: Exchange) -> None:
        async with _errors_answered(exchange, codec.encode_error):
            call = await exchange.call() if reads_body else exchange.bodiless_call()
            request = await _decoded(codec.decode, call)

            async def work() -> None:
                answer = await operation(request, exchange)
                await exchange.reply(await _encoded(codec, request, answer))

            await _while_wanted(exchange, work, codec.encode_error)

    return endpoint


def uploading(
    codec: AnswerCodec[RequestT, AnswerT],
    operation: Callable[[RequestT, Exchange], Awaitable[AnswerT]],
) -> Endpoint:
    """An endpoint whose operation takes `exchange.pieces()`. It notices a lost client by reading."""

    async def endpoint(exchange: Exchange) -> None:
        async with _errors_answered(exchange, codec.encode_error):
            request = codec.decode(exchange.bodiless_call())
            with anyio.CancelScope() as scope, exchange.behind.stopping.ends(scope):
                await exchange.reply(codec.encode(request, await operation(request, exchange)))
            await _say_if_stopped(exchange, codec.encode_error)

    return endpoint


def streaming(
    codec: StreamCodec[RequestT, EventT],
    operation: Callable[[RequestT, Exchange], AsyncIterator[EventT]],
    *,
    reads_body: bool = True,
) -> Endpoint:
    """An endpoint that answers with events: as they come, or joined at the end.

    An operation that gives a `Telling` pays least for each event; any other iterator will do.
    """

    async def endpoint(exchange: Exchange) -> None:
        async with _errors_answered(exchange, codec.encode_error):
            call = await exchange.call() if reads_body else exchange.bodiless_call()
            request = await _decoded(codec.decode, call)
            writer = codec.writer(request)

            async def work() -> None:
                events = operation(request, exchange)
                await (_stream if writer.streams else _join)(exchange, writer, events)

            await _while_wanted(exchange, work, writer.early_error, writer.late_error)

    return endpoint


def sending(
    codec: FileCodec[RequestT, FileT], opened: Callable[[RequestT, Exchange], AbstractAsyncContextManager[FileT]]
) -> Endpoint:
    """An endpoint that answers with a file or a part of it, which is open for as long as it is sent."""

    async def endpoint(exchange: Exchange) -> None:
        async with _errors_answered(exchange, codec.encode_error):
            request = codec.decode(exchange.bodiless_call())

            async def work() -> None:
                async with opened(request, exchange) as file:
                    await _send(exchange, codec.encode(request, file), file)

            await _while_wanted(exchange, work, codec.encode_error)

    return endpoint


async def _send(exchange: Exchange, reply: FileReply | Reply, file: File) -> None:
    if isinstance(reply, Reply):
        await exchange.reply(reply)
        return
    await exchange.begin_with(reply.status, reply.headers)
    if not exchange.wants_head_only:
        async with aclosing(file.pieces(reply.start, reply.end)) as pieces:
            async for piece in pieces:
                with anyio.move_on_after(_STUCK_S) as waiting:
                    await exchange.write(piece)
                if waiting.cancelled_caught:
                    raise ClientGone
    await exchange.end()


async def _stream(exchange: Exchange, writer: EventWriter[EventT], events: AsyncIterator[EventT]) -> None:
    async with Outlet(exchange, writer) as outlet:
        await tell_all(events, Audience(outlet.tell, outlet))


async def _join(exchange: Exchange, writer: EventWriter[EventT], events: AsyncIterator[EventT]) -> None:
    seen: list[EventT] = []
    await tell_all(events, Audience(seen.append, forget=seen.clear))
    await exchange.reply(writer.whole(seen))


async def _decoded(decode: Callable[[Call], RequestT], call: Call) -> RequestT:
    if len(call.body) <= _LONG_BODY_BYTES:
        return decode(call)
    return await anyio.to_thread.run_sync(decode, call)


async def _encoded(codec: AnswerCodec[RequestT, AnswerT], request: RequestT, answer: AnswerT) -> Reply:
    if not codec.is_long(answer):
        return codec.encode(request, answer)
    return await anyio.to_thread.run_sync(codec.encode, request, answer)


async def _while_wanted(
    exchange: Exchange, work: Callable[[], Awaitable[None]], early: ErrorEncoder, late: LateErrorEncoder | None = None
) -> None:
    """Do `work` as long as its client is there, the server stays and nobody ends it by its id; answer its errors."""
    behind = exchange.behind
    with (
        anyio.CancelScope() as scope,
        behind.underway.entry(exchange.arrival, scope) as entry,
        exchange.when_gone(scope.cancel),
        behind.stopping.ends(scope),
    ):
        async with _errors_answered(exchange, early, late):
            await work()
    if entry.is_canceled and not exchange.is_over:
        await _say(exchange, RequestCanceled(), early, late)
    await _say_if_stopped(exchange, early, late)


@asynccontextmanager
async def _errors_answered(
    exchange: Exchange, early: ErrorEncoder, late: LateErrorEncoder | None = None
) -> AsyncIterator[None]:
    """Turn an error of the body into an answer: `early` before its first byte, `late` after it."""
    try:
        yield
    except ClientGone:
        pass
    except TampuError as error:
        await _say(exchange, error, early, late)
    except Exception as error:  # noqa: BLE001  # the server's error border
        await _say(exchange, _foreseen(error, exchange), early, late)


async def _say_if_stopped(exchange: Exchange, early: ErrorEncoder, late: LateErrorEncoder | None = None) -> None:
    if exchange.behind.stopping.has_come and not exchange.is_over:
        await _say(exchange, Overloaded("the server is stopping; try again later"), early, late)


async def _say(exchange: Exchange, error: TampuError, early: ErrorEncoder, late: LateErrorEncoder | None) -> None:
    if error.status >= 500:
        _log.warning("request %s failed: %s", exchange.request_id, error.message)
    if not exchange.has_begun:
        await exchange.reply(early(error))
    elif late is not None:
        await exchange.end(late(error))


def _foreseen(error: Exception, exchange: Exchange) -> TampuError:
    """The one error of ours inside a group of a task group, or our own words for what nobody foresaw."""
    inner: BaseException = error
    while isinstance(inner, BaseExceptionGroup) and len(inner.exceptions) == 1:
        inner = inner.exceptions[0]
    if isinstance(inner, TampuError):
        return inner
    _log.error("request %s failed in a way nobody foresaw", exchange.request_id, exc_info=error)
    return TampuError(f"internal server error; the log tells more about request {exchange.request_id}")
