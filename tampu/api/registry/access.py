"""Who may read: the key of the registry, as the password of a Docker login or as a bearer token."""

import base64
import binascii

from tampu.errors import Unauthorized
from tampu.secret import Secret


def check_key(key: Secret | None, authorization: str) -> None:
    """Admit a request by its `Authorization` header (latin-1); raises Unauthorized. Without a key all may read."""
    if key is not None and not key.matches(_offered(authorization)):
        raise Unauthorized("this registry needs its key: log in to it with any user name and the key as password")


def _offered(authorization: str) -> bytes:
    """The key that a header holds; empty if it holds none."""
    scheme, _, value = authorization.strip().partition(" ")
    match scheme.lower():
        case "bearer":
            return value.strip().encode("latin-1")
        case "basic":
            return _password(value)
        case _:
            return b""


def _password(value: str) -> bytes:
    try:
        return base64.b64decode(value.strip().encode("latin-1"), validate=True).partition(b":")[2]
    except (binascii.Error, ValueError):
        return b""
