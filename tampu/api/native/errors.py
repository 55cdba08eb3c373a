"""Errors as Ollama words them: `{"error": text}`, with the texts and statuses of each route as data."""

from collections.abc import Callable
from functools import partial

from tampu.api.dialect import JSON_UTF8, Reply
from tampu.api.words import RouteWords, error_status, error_text, hints
from tampu.errors import NotFound, RegistryError, TampuError
from tampu.wire import encode

_NO_CLOUD_DETAILS = "ollama cloud is disabled: remote model details are unavailable"
_PULL_FIRST = "model {quoted} not found, try pulling it first"

GENERATE = RouteWords(empty="model '{name}' not found", empty_status=404)
CHAT = RouteWords()
EMBED = RouteWords(empty="model '{name}' not found", empty_status=404, absent=_PULL_FIRST)
EMBEDDINGS = RouteWords(absent=_PULL_FIRST)
SHOW = RouteWords(absent="model '{shortest}' not found", no_cloud=_NO_CLOUD_DETAILS)
DELETE = RouteWords(invalid="name {quoted} is invalid", no_cloud=None)
COPY_SOURCE = RouteWords(
    empty="source {quoted} is invalid",
    invalid="source {quoted} is invalid",
    absent="model {quoted} not found",
    no_cloud=None,
)
COPY_DESTINATION = RouteWords(
    empty="destination {quoted} is invalid", invalid="destination {quoted} is invalid", no_cloud=None
)
# What fails behind these is a job of the server, so its errors are the server's, whatever they are elsewhere.
PULL = RouteWords(empty="invalid model name", no_cloud=None, statuses={RegistryError: 500, NotFound: 500})
PUSH = RouteWords(no_cloud=None, statuses={RegistryError: 500, NotFound: 500})
CREATE = RouteWords(empty="invalid model name", no_cloud=None, statuses={RegistryError: 500, NotFound: 500})
UPKEEP = RouteWords(no_cloud=None)
VOCABULARY = RouteWords()
PLAIN = RouteWords()


def native_error(error: TampuError, route: RouteWords, *, content_type: str = JSON_UTF8) -> Reply:
    """The error as a whole answer."""
    return Reply(error_status(error, route), error_body(error, route), content_type, hints(error))


def errors_of(route: RouteWords) -> Callable[[TampuError], Reply]:
    """How a route with these words answers requests that do not decode."""
    return partial(native_error, route=route)


def error_body(error: TampuError, route: RouteWords) -> bytes:
    """The error as one JSON object."""
    return encode({"error": error_text(error, route)})
