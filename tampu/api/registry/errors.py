"""Errors in the shape of Docker's registries: `{"errors": [{"code": ..., "message": ..., "detail": null}]}`."""

from typing import Final

from tampu.api.dialect import JSON_UTF8, Reply
from tampu.errors import (
    BadRequest,
    BlobNotFound,
    InvalidName,
    InvalidParameter,
    ModelNotFound,
    NotFound,
    TampuError,
    Unauthorized,
)
from tampu.wire import encode

VERSION: Final = ("docker-distribution-api-version", "registry/2.0")
_CHALLENGE: Final = ("www-authenticate", 'Basic realm="Tampu", charset="UTF-8"')
_CODES: Final[tuple[tuple[type[TampuError], str], ...]] = (
    (Unauthorized, "UNAUTHORIZED"),
    (InvalidName, "NAME_INVALID"),
    (InvalidParameter, "PAGINATION_NUMBER_INVALID"),
    (ModelNotFound, "MANIFEST_UNKNOWN"),
    (BlobNotFound, "BLOB_UNKNOWN"),
    (NotFound, "NAME_UNKNOWN"),
    (BadRequest, "UNSUPPORTED"),
)
"""What clients tell apart, most specific first; anything else is UNKNOWN."""


def registry_error(error: TampuError) -> Reply:
    """The error as a whole answer, with a challenge that clients can follow where a key is missing."""
    challenge = (_CHALLENGE,) if isinstance(error, Unauthorized) else ()
    found = next((code for kind, code in _CODES if isinstance(error, kind)), "UNKNOWN")
    return _reply(error.status, found, error.message, challenge)


def _reply(status: int, code: str, message: str, headers: tuple[tuple[str, str], ...] = ()) -> Reply:
    body = encode({"errors": [{"code": code, "message": message, "detail": None}]})
    return Reply(status, body, JSON_UTF8, (VERSION, *headers))


READ_ONLY: Final = _reply(405, "UNSUPPORTED", "this registry is read-only: create or pull the model on its own machine")


def outside(size: int) -> Reply:
    """The answer to a request for bytes that a blob of `size` bytes does not have."""
    message = f"the range lies outside the {size} bytes of the blob"
    return _reply(416, "RANGE_INVALID", message, (("content-range", f"bytes */{size}"),))
