"""What the routes share that ask for text: their fields beside the input."""

from typing import Any

import msgspec

from tampu.api.fields import read_format, read_keep_alive, read_think, read_top_logprobs
from tampu.api.loading import LoadingBody
from tampu.api.words import RouteWords, check_reference
from tampu.generation import ChatInput, CompletionInput, GenerationRequest, InvalidFormat, OutputFormat
from tampu.wire import Int64, written


class AskingBody(LoadingBody):
    """The common fields of requests for text; each route adds those of its input. `progress` is ours."""

    stream: bool = True
    format: Any = None
    think: Any = None
    truncate: bool = True
    shift: bool | None = None
    logprobs: bool = False
    top_logprobs: Int64 = 0
    debug_render_only: bool = msgspec.field(default=False, name="_debug_render_only")
    progress: bool = False


def read_asking(
    body: AskingBody, wanted: CompletionInput | ChatInput, errors: RouteWords, *, raw: bytes
) -> GenerationRequest:
    """The request for `wanted`; raises BadRequest, and what the route says of its model's name, last.

    `raw`: what `body` was read from.
    """
    request = GenerationRequest(
        model=body.model,
        input=wanted,
        stream=body.stream,
        options=body.options,
        format=_as_written(read_format(body.format), raw),
        think=read_think(body.think),
        keep_alive=read_keep_alive(body.keep_alive),
        truncate=body.truncate,
        shift=body.shift,
        top_logprobs=read_top_logprobs(body.top_logprobs),
        logprobs=body.logprobs,
        debug_render_only=body.debug_render_only,
        progress=body.progress,
    )
    check_reference(request.model, errors)
    return request


def _as_written(wanted: OutputFormat | None, raw: bytes) -> OutputFormat | None:
    """The format; one that will be refused in the words of who sent it."""
    if not isinstance(wanted, InvalidFormat):
        return wanted
    return InvalidFormat(written(raw, "format") or wanted.raw_json)
