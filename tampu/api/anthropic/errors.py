"""Errors in Anthropic's shape: `{"type": "error", "error": {"type", "message"}, "request_id"}`."""

import secrets
from collections.abc import Callable
from functools import partial

from tampu.api.dialect import JSON, JSON_UTF8, Reply
from tampu.api.framing import sse
from tampu.api.words import RouteWords, error_status, error_text, hints
from tampu.errors import AddressedPicture, BadRequest, Forbidden, PromptTooLong, TampuError
from tampu.wire import encode

MESSAGES = RouteWords()
SEARCH = RouteWords(no_cloud="ollama cloud is disabled: web search is unavailable")
MODELS = RouteWords(absent="model: {name}")
_UNREAD = (AddressedPicture, BadRequest, Forbidden)

_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    529: "overloaded_error",
}


def new_request_id(known: str = "") -> str:
    """What clients call a request: by the id that the log knows it by, where there is one."""
    return f"req_{known or secrets.token_hex(12)}"


def anthropic_error(error: TampuError, words: RouteWords, request_id: str = "") -> Reply:
    """The error as a whole answer. As in Ollama, what reaches no model is told with a charset, all else without."""
    request_id = request_id or new_request_id()
    kind = JSON_UTF8 if type(error) in _UNREAD else JSON
    headers = (*hints(error), ("request-id", request_id))
    return Reply(error_status(error, words), _body(error, words, request_id), kind, headers)


def errors_of(words: RouteWords) -> Callable[[TampuError], Reply]:
    """How a route with these words answers requests that do not decode."""
    return partial(anthropic_error, words=words)


def error_event(error: TampuError, words: RouteWords, request_id: str) -> bytes:
    """The error as the last event of a stream that has begun, on which SDKs raise."""
    return sse(_body(error, words, request_id), event="error")


def _body(error: TampuError, words: RouteWords, request_id: str) -> bytes:
    status = error_status(error, words)
    kind = _TYPES.get(status, "invalid_request_error" if status < 500 else "api_error")
    told = {"type": kind, "message": _text(error, words)}
    return encode({"type": "error", "error": told, "request_id": request_id})


def _text(error: TampuError, words: RouteWords) -> str:
    match error:
        case PromptTooLong(tokens=int(tokens), limit=int(limit)):
            # Agents shorten the conversation on these words.
            return (
                f"prompt is too long: {tokens} tokens > {limit} maximum; send less, or give the model a larger num_ctx"
            )
        case AddressedPicture():
            return "invalid image source type: url. Only base64 images are supported."
        case _:
            return error_text(error, words)
