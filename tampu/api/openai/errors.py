"""Errors in OpenAI's shape: `{"error": {"message", "type", "param", "code"}}`."""

from collections.abc import Callable
from functools import partial

from tampu.api.dialect import JSON, JSON_UTF8, Reply
from tampu.api.framing import sse
from tampu.api.words import RouteWords, error_status, error_text, hints
from tampu.errors import AddressedPicture, BadRequest, PreviousResponseNotFound, PromptTooLong, TampuError
from tampu.wire import encode

CHAT = RouteWords()
COMPLETIONS = RouteWords(empty="model '{name}' not found", empty_status=404)
EMBEDDINGS = RouteWords(
    empty="model '{name}' not found", empty_status=404, absent="model {quoted} not found, try pulling it first"
)
MODEL = RouteWords(
    absent="model '{shortest}' not found", no_cloud="ollama cloud is disabled: remote model details are unavailable"
)
LIST = RouteWords()

_UNREAD = (AddressedPicture, BadRequest)
_TYPES = {400: "invalid_request_error", 404: "not_found_error"}
_OTHER_TYPE = "api_error"
TOO_LONG = "context_length_exceeded"


def openai_error(error: TampuError, words: RouteWords) -> Reply:
    """The error as a whole answer. As in Ollama, what cannot be read is told with a charset, all else without."""
    kind = JSON_UTF8 if type(error) in _UNREAD else JSON
    return Reply(error_status(error, words), _body(error, words), kind, hints(error))


def errors_of(words: RouteWords) -> Callable[[TampuError], Reply]:
    """How a route with these words answers requests that do not decode."""
    return partial(openai_error, words=words)


def late_error(error: TampuError, words: RouteWords) -> bytes:
    """The error as the last event of a stream that has begun, on which SDKs raise; no [DONE] says that all is well."""
    return sse(_body(error, words))


def _body(error: TampuError, words: RouteWords) -> bytes:
    """The error, with the codes that programs look for: on one they shorten the conversation, on one they resend it."""
    param = code = None
    match error:
        case PromptTooLong():
            code = TOO_LONG
        case PreviousResponseNotFound():
            param, code = "previous_response_id", "previous_response_not_found"
    kind = _TYPES.get(error_status(error, words), _OTHER_TYPE)
    return encode({"error": {"message": error_text(error, words), "type": kind, "param": param, "code": code}})
