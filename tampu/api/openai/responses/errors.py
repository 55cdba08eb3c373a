"""Errors of Responses: in OpenAI's shape as whole answers, in another one where a response has begun and fails."""

from typing import Final

from tampu.api.openai.errors import CHAT, TOO_LONG, errors_of
from tampu.api.words import error_text
from tampu.errors import BadRequest, Overloaded, PromptTooLong, TampuError

response_error: Final = errors_of(CHAT)
"""The error as a whole answer."""


def failure(error: TampuError) -> dict[str, str]:
    """The error as a failed response holds it."""
    return {"code": _code(error), "message": error_text(error, CHAT)}


def _code(error: TampuError) -> str:
    match error:
        case PromptTooLong():
            return TOO_LONG
        case Overloaded():
            return "rate_limit_exceeded"
        case BadRequest():
            return "invalid_prompt"
        case _:
            return "server_error"
