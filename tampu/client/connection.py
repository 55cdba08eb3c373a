"""The connections to a server: one per request, and what comes back as bytes, lines or one of our errors.

Stands on the standard library's `http.client`, because a command that only asks the server must start at once.
"""

import http.client
import platform
import socket
import sys
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import quote

import msgspec

from tampu import __version__
from tampu.config import Address
from tampu.errors import BadRequest, ServerError, ServerUnreachable, SignInRequired
from tampu.wire import convert, parse

CONNECT_TIMEOUT_S: Final = 30.0
BLOCK_BYTES: Final = 1 << 20
MAX_LINE_BYTES: Final = 64 << 20
"""A line of a stream beyond this is no answer of ours; Ollama stops at 8 MB."""
USER_AGENT: Final = (
    f"tampu/{__version__} ({platform.machine()} {sys.platform}) Python/{sys.version_info[0]}.{sys.version_info[1]}"
)
_PATH_CHARACTERS: Final = "/%:@!$&'()*+,;=~"
LOST: Final = "the server closed the connection in the middle of its answer"


class _Failure(msgspec.Struct):
    error: Any = ""
    signin_url: str = ""


class Connector:
    """Opens connections to one server. `patience_s`: how long to wait for each piece of an answer; None: for ever."""

    def __init__(self, address: Address, *, patience_s: float | None = None) -> None:
        self._address, self._patience_s = address, patience_s
        self._path = quote(address.path, safe=_PATH_CHARACTERS, errors="replace")

    @contextmanager
    def exchange(
        self,
        method: str,
        path: str,
        body: bytes | Iterable[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Generator[http.client.HTTPResponse, None, None]:
        """Send one request and give its response; the border where sockets' errors become ours."""
        target = f"{self._path}{path}"
        connection = self._connected(method, target)
        try:
            connection.sock.settimeout(CONNECT_TIMEOUT_S if method == "HEAD" else self._patience_s)
            _send(connection, method, target, body, {"User-Agent": USER_AGENT, **(headers or {})})
            yield connection.getresponse()
        except OSError as error:
            raise ServerUnreachable(f"{self._asked(method, target)}: {_said(error)}") from error
        except http.client.HTTPException as error:
            raise ServerUnreachable(LOST) from error
        finally:
            connection.close()

    def _connected(self, method: str, target: str) -> http.client.HTTPConnection:
        address = self._address
        kind = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
        try:
            connection = kind(address.connect_host, address.port, timeout=CONNECT_TIMEOUT_S, blocksize=BLOCK_BYTES)
            connection.connect()
        except OSError as error:
            raise ServerUnreachable(f"{self._asked(method, target)}: dial tcp{_reason(error, address)}") from error
        except (UnicodeError, http.client.InvalidURL):
            raise ServerUnreachable(f"no server can be at {address.url!r}; OLLAMA_HOST is to be host:port") from None
        return connection

    def _asked(self, method: str, target: str) -> str:
        address = self._address
        return f'{method.capitalize()} "{address.url.removesuffix(address.path)}{target}"'


def _reason(error: OSError, address: Address) -> str:
    """What the system says; that a name leads nowhere, or nobody listens, in the words that people know from Ollama."""
    said = _said(error)
    if isinstance(error, ConnectionRefusedError):
        host = f"[{address.connect_host}]" if ":" in address.connect_host else address.connect_host
        return f" {host}:{address.port}: connect: {said}"
    if not isinstance(error, socket.gaierror):
        return f": {said}"
    nowhere = error.errno in {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}
    return f": lookup {address.connect_host}: {'no such host' if nowhere else said}"


def _said(error: OSError) -> str:
    return (error.strerror or str(error) or type(error).__name__).lower()


def _send(
    connection: http.client.HTTPConnection,
    method: str,
    target: str,
    body: bytes | Iterable[bytes] | None,
    headers: Mapping[str, str],
) -> None:
    try:
        connection.request(method, target, body, headers)
    except (BrokenPipeError, ConnectionResetError):
        # A server that refuses an upload answers before it has read all of it: its answer says why.
        if body is None:
            raise


def checked(response: http.client.HTTPResponse, *, streaming: bool) -> http.client.HTTPResponse:
    """The response if it is a success; otherwise raises what the server said, with its status where it streams."""
    if response.status < http.client.BAD_REQUEST:
        return response
    raw = response.read()
    try:
        value = parse(raw)
        failure = convert(_Failure, value) if isinstance(value, dict) else _Failure(error=value)
    except BadRequest:
        failure = _Failure(error=raw.decode("utf-8", "replace").strip())
    status_line = f"{response.status} {response.reason}"
    if response.status == http.client.UNAUTHORIZED:
        silent = "something went wrong, please see the ollama server logs for details"
        raise SignInRequired(status_line if streaming else silent, url=failure.signin_url)
    text = str(failure.error) if failure.error else ""
    if streaming:
        text = f"{status_line}: {text}" if text else status_line
    raise ServerError(text or status_line, status=response.status)


def parsed(raw: bytes) -> Any:
    """JSON of the server; ServerError in Go's words where it is none."""
    try:
        return parse(raw)
    except BadRequest:
        text = raw.decode("utf-8", "replace").lstrip()
        reason = (
            f"invalid character {text[0]!r} looking for beginning of value" if text else "unexpected end of JSON input"
        )
        raise ServerError(reason, status=http.client.OK) from None


def lines_of(response: http.client.HTTPResponse) -> Iterator[bytes]:
    """The lines of a body as they come. A cut chunked body raises; `readline` of the library would hide the cut."""
    held = b""
    while block := response.read1(BLOCK_BYTES):
        held += block
        *whole, held = held.split(b"\n")
        yield from filter(bytes.strip, whole)
        if len(held) > MAX_LINE_BYTES:
            raise ServerError(f"the server sent a line of more than {MAX_LINE_BYTES} bytes", status=response.status)
    if held.strip():
        yield held
