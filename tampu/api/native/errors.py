"""Errors as Ollama words them: `{"error": text}`, with the texts and statuses of each route as data."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from tampu.api.dialect import JSON_UTF8, Reply
from tampu.errors import (
    BadRequest,
    Forbidden,
    InvalidName,
    ModelNotFound,
    NotFound,
    Overloaded,
    RegistryError,
    TampuError,
)
from tampu.names import ModelName, ModelReference, Source
from tampu.wire import encode

_NO_CLOUD = "ollama cloud is disabled: remote model is unavailable"
_NO_CLOUD_DETAILS = "ollama cloud is disabled: remote model details are unavailable"


@dataclass(frozen=True, slots=True)
class RouteErrors:
    """What one route says of names, and which statuses it changes.

    The texts are formats over {name} (as sent), {quoted} (the same in double quotes) and {shortest} (with its tag).
    `no_cloud` is said to names of cloud models; None where the route takes them like any other.
    """

    empty: str = "model is required"
    empty_status: int = 400
    invalid: str = "invalid model name"
    absent: str = "model '{name}' not found"
    no_cloud: str | None = _NO_CLOUD
    statuses: Mapping[type[TampuError], int] = field(default_factory=dict)


_PULL_FIRST = "model {quoted} not found, try pulling it first"

GENERATE = RouteErrors(empty="model '{name}' not found", empty_status=404)
CHAT = RouteErrors()
EMBED = RouteErrors(empty="model '{name}' not found", empty_status=404, absent=_PULL_FIRST)
EMBEDDINGS = RouteErrors(absent=_PULL_FIRST)
SHOW = RouteErrors(absent="model '{shortest}' not found", no_cloud=_NO_CLOUD_DETAILS)
DELETE = RouteErrors(invalid="name {quoted} is invalid", no_cloud=None)
COPY_SOURCE = RouteErrors(
    empty="source {quoted} is invalid",
    invalid="source {quoted} is invalid",
    absent="model {quoted} not found",
    no_cloud=None,
)
COPY_DESTINATION = RouteErrors(
    empty="destination {quoted} is invalid", invalid="destination {quoted} is invalid", no_cloud=None
)
# What fails behind these is a job of the server, so its errors are the server's, whatever they are elsewhere.
PULL = RouteErrors(empty="invalid model name", no_cloud=None, statuses={RegistryError: 500, NotFound: 500})
PUSH = RouteErrors(no_cloud=None, statuses={RegistryError: 500, NotFound: 500})
CREATE = RouteErrors(empty="invalid model name", no_cloud=None, statuses={RegistryError: 500, NotFound: 500})
UPKEEP = RouteErrors(no_cloud=None)
VOCABULARY = RouteErrors()
PLAIN = RouteErrors()


def check_reference(raw: str, route: RouteErrors) -> None:
    """Refuse a name with a source suffix (`m:cloud`) that this route would not look up; raises TampuError."""
    reference = ModelReference.parse(raw)
    if not reference.base.strip():
        raise _empty(raw, route)
    if reference.source is Source.CLOUD and route.no_cloud is not None:
        raise Forbidden(route.no_cloud)
    check_name(reference.base, route, shown=raw)


def check_name(name: str, route: RouteErrors, *, shown: str | None = None) -> None:
    """Refuse a name that is empty or that the grammar does not allow, in this route's words (about `shown`)."""
    shown = name if shown is None else shown
    if not name.strip():
        raise _empty(shown, route)
    try:
        ModelName.parse(name)
    except InvalidName:
        raise InvalidName(shown, _said(route.invalid, shown)) from None


def native_error(error: TampuError, route: RouteErrors, *, content_type: str = JSON_UTF8) -> Reply:
    """The error as a whole answer."""
    return Reply(error_status(error, route), error_body(error, route), content_type, _hints(error))


def error_body(error: TampuError, route: RouteErrors) -> bytes:
    """The error as one JSON object."""
    return encode({"error": error_text(error, route)})


def error_text(error: TampuError, route: RouteErrors) -> str:
    """The error in the words of this route; a text that its raiser chose stays."""
    match error:
        case ModelNotFound(name=name) if error.message == ModelNotFound(name).message:
            return _said(route.absent, name)
        case InvalidName(name=name) if error.message == InvalidName(name).message:
            return _said(route.invalid, name)
        case _:
            return error.message


def error_status(error: TampuError, route: RouteErrors) -> int:
    """The status of the error on this route."""
    if isinstance(error, ModelNotFound):
        return error.status
    return next((status for kind, status in route.statuses.items() if isinstance(error, kind)), error.status)


def _hints(error: TampuError) -> tuple[tuple[str, str], ...]:
    """Headers that tell programs what to do next."""
    return (("retry-after", str(error.retry_after_s)),) if isinstance(error, Overloaded) else ()


def _empty(shown: str, route: RouteErrors) -> TampuError:
    text = _said(route.empty, shown)
    return BadRequest(text) if route.empty_status == BadRequest.status else NotFound(text)


def _said(text: str, name: str) -> str:
    return text.format(name=name, quoted=json.dumps(name, ensure_ascii=False), shortest=_shortest(name))


def _shortest(name: str) -> str:
    try:
        return ModelReference.parse(name).name.short
    except BadRequest:
        return name
