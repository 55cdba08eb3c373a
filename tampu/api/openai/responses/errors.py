"""Errors of Responses: OpenAI's shape, with the code that programs look for where a response is not kept."""

from tampu.api.dialect import JSON, Reply
from tampu.api.openai.errors import CHAT, openai_error
from tampu.api.words import error_text
from tampu.errors import BadRequest, Overloaded, PreviousResponseNotFound, PromptTooLong, TampuError
from tampu.wire import encode


def response_error(error: TampuError) -> Reply:
    """The error as a whole answer."""
    if not isinstance(error, PreviousResponseNotFound):
        return openai_error(error, CHAT)
    told = {
        "message": error.message,
        "type": "invalid_request_error",
        "param": "previous_response_id",
        "code": "previous_response_not_found",
    }
    return Reply(error.status, encode({"error": told}), JSON)


def failure(error: TampuError) -> dict[str, str]:
    """The error as a failed response holds it."""
    return {"code": _code(error), "message": error_text(error, CHAT)}


def _code(error: TampuError) -> str:
    match error:
        case PromptTooLong():
            return "context_length_exceeded"
        case Overloaded():
            return "rate_limit_exceeded"
        case BadRequest():
            return "invalid_prompt"
        case _:
            return "server_error"
