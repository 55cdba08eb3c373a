"""What routes say of the names of models, and of errors, as data: the words are the same in every dialect."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from tampu.errors import (
    BadRequest,
    Forbidden,
    InvalidName,
    ModelNotFound,
    NotFound,
    Overloaded,
    TampuError,
)
from tampu.names import ModelName, ModelReference, Source

_NO_CLOUD = "ollama cloud is disabled: remote model is unavailable"


@dataclass(frozen=True, slots=True)
class RouteWords:
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


def check_reference(raw: str, route: RouteWords) -> None:
    """Refuse a name with a source suffix (`m:cloud`) that this route would not look up; raises TampuError."""
    if not raw.strip():
        raise _empty(raw, route)
    reference = ModelReference.parse(raw)
    _check_grammar(reference.base, route, shown=raw)
    if reference.source is Source.CLOUD and route.no_cloud is not None:
        raise Forbidden(route.no_cloud)


def check_name(name: str, route: RouteWords) -> None:
    """Refuse a name that is empty or that the grammar does not allow, in this route's words."""
    if not name.strip():
        raise _empty(name, route)
    _check_grammar(name, route, shown=name)


def _check_grammar(name: str, route: RouteWords, *, shown: str) -> None:
    try:
        ModelName.parse(name)
    except InvalidName:
        raise InvalidName(shown, _said(route.invalid, shown)) from None


def error_text(error: TampuError, route: RouteWords) -> str:
    """The error in the words of this route; a text that its raiser chose stays."""
    match error:
        case ModelNotFound(name=name) if error.message == ModelNotFound(name).message:
            return _said(route.absent, name)
        case InvalidName(name=name) if error.message == InvalidName(name).message:
            return _said(route.invalid, name)
        case _:
            return error.message


def error_status(error: TampuError, route: RouteWords) -> int:
    """The status of the error on this route."""
    if isinstance(error, ModelNotFound):
        return error.status
    return next((status for kind, status in route.statuses.items() if isinstance(error, kind)), error.status)


def hints(error: TampuError) -> tuple[tuple[str, str], ...]:
    """Headers that tell programs what to do next."""
    return (("retry-after", str(error.retry_after_s)),) if isinstance(error, Overloaded) else ()


def _empty(shown: str, route: RouteWords) -> TampuError:
    text = _said(route.empty, shown)
    return InvalidName(shown, text) if route.empty_status == InvalidName.status else NotFound(text)


def _said(text: str, name: str) -> str:
    return text.format(name=name, quoted=json.dumps(name, ensure_ascii=False), shortest=_shortest(name))


def _shortest(name: str) -> str:
    try:
        return ModelReference.parse(name).name.short
    except BadRequest:
        return name
