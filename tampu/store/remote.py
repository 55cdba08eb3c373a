"""The address of the host that a remote stub runs on, in its one spelling. Pure."""

import posixpath
import re
from typing import Final
from urllib.parse import SplitResult, urlsplit

from tampu.config import DEFAULT_PORT
from tampu.errors import BadRequest

CLOUD_HOST: Final = "https://ollama.com:443"
_HOST = re.compile(r"[A-Za-z0-9._\-]+|[0-9A-Fa-f:.]+(%[A-Za-z0-9._\-]+)?", re.ASCII)


def remote_url(text: str) -> str:
    """`text` with a scheme, a port and no more than a path behind them; raises BadRequest("bad remote").

    No scheme means http, no port ours, a path alone this machine; `ollama.com` is the cloud.
    """
    if text in {"ollama.com", "http://ollama.com", "https://ollama.com"}:
        return CLOUD_HOST
    full = f"http://localhost{text}" if text.startswith("/") else text if "://" in text else f"http://{text}"
    parts, port = _split(full)
    host = _written(parts) or "localhost"
    if parts.scheme not in {"http", "https"} or not _HOST.fullmatch(host):
        raise BadRequest("bad remote")
    path = posixpath.normpath(parts.path).replace("//", "/") if parts.path else ""
    bracketed = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{bracketed}:{port}{'' if path in {'/', '.'} else path}"


def _written(parts: SplitResult) -> str:
    """The host in the letters of its writer."""
    host = parts.hostname or ""
    at = parts.netloc.lower().rfind(host)
    return parts.netloc[at : at + len(host)]


def _split(text: str) -> tuple[SplitResult, int]:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise BadRequest("bad remote") from None
    if any(character.isspace() or not character.isprintable() for character in text):
        raise BadRequest("bad remote")
    return parts, DEFAULT_PORT if port is None else port
