"""Asks a running server over HTTP: typed answers, streams piece by piece, errors in words. Knows no terminal.

Stands on the standard library's `http.client`, because a command that only asks the server must start at once.
"""

import http.client
import platform
import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

import msgspec

from tampu import __version__
from tampu.config import Address
from tampu.errors import BadRequest, ServerError, ServerUnreachable, SignInRequired
from tampu.messages import Message, ToolCall
from tampu.wire import convert, encode, parse

CONNECT_TIMEOUT_S: Final = 30.0
BLOCK_BYTES: Final = 1 << 20
MAX_LINE_BYTES: Final = 64 << 20
"""A line of a stream beyond this is no answer of ours; Ollama stops at 8 MB."""
USER_AGENT: Final = (
    f"tampu/{__version__} ({platform.machine()} {sys.platform}) Python/{sys.version_info[0]}.{sys.version_info[1]}"
)
_LOST: Final = "the server closed the connection in the middle of its answer"

Answer = TypeVar("Answer", bound=msgspec.Struct)


class Details(msgspec.Struct, omit_defaults=True):
    """The short facts of a model."""

    parent_model: str = ""
    format: str = ""
    family: str = ""
    families: list[str] = []
    parameter_size: str = ""
    quantization_level: str = ""
    context_length: int = 0
    embedding_length: int = 0


class ListedModel(msgspec.Struct, omit_defaults=True):
    """One row of `/api/tags`."""

    name: str = ""
    model: str = ""
    modified_at: str = ""
    size: int = 0
    digest: str = ""
    details: Details = msgspec.field(default_factory=Details)
    capabilities: list[str] = []
    remote_model: str = ""
    remote_host: str = ""


class LoadedModel(msgspec.Struct):
    """One row of `/api/ps`."""

    name: str = ""
    model: str = ""
    size: int = 0
    size_vram: int = 0
    digest: str = ""
    details: Details = msgspec.field(default_factory=Details)
    expires_at: str = ""
    context_length: int = 0


class Tensor(msgspec.Struct):
    """One tensor of a model."""

    name: str = ""
    type: str = ""
    shape: list[int] = []


class Description(msgspec.Struct, omit_defaults=True):
    """The answer of `/api/show`."""

    license: str = ""
    modelfile: str = ""
    parameters: str = ""
    template: str = ""
    system: str = ""
    details: Details = msgspec.field(default_factory=Details)
    messages: list[Message] = []
    model_info: dict[str, Any] = {}
    projector_info: dict[str, Any] = {}
    tensors: list[Tensor] = []
    capabilities: list[str] = []
    modified_at: str = ""
    remote_model: str = ""
    remote_host: str = ""
    requires: str = ""


class ChatPart(msgspec.Struct):
    """The message of one piece of a chat."""

    role: str = "assistant"
    content: str = ""
    thinking: str = ""
    tool_calls: list[ToolCall] = []


class Piece(msgspec.Struct):
    """One piece of an answer, of `/api/generate` or `/api/chat`. Times are nanoseconds."""

    response: str = ""
    thinking: str = ""
    tool_calls: list[ToolCall] = []
    message: ChatPart = msgspec.field(default_factory=ChatPart)
    done: bool = False
    done_reason: str = ""
    total_duration: int = 0
    load_duration: int = 0
    prompt_eval_count: int = 0
    prompt_eval_duration: int = 0
    eval_count: int = 0
    eval_duration: int = 0


class Report(msgspec.Struct):
    """One report of a pull, push or create. With a digest it counts bytes of that layer."""

    status: str = ""
    digest: str = ""
    total: int = 0
    completed: int = 0


class _Listed(msgspec.Struct):
    models: list[ListedModel] = []


class _Loaded(msgspec.Struct):
    models: list[LoadedModel] = []


class _Embedded(msgspec.Struct):
    embeddings: list[list[float]] = []


class _Named(msgspec.Struct):
    name: str = ""


class _Version(msgspec.Struct):
    version: str = ""


class _Failure(msgspec.Struct):
    error: Any = ""
    signin_url: str = ""


class Client:
    """One server. Every call opens a connection of its own, so an abandoned answer is simply hung up on."""

    def __init__(self, address: Address) -> None:
        self._address = address

    def is_answering(self) -> bool:
        """Whether a server is there; False where the connection is refused, ServerUnreachable for any other trouble."""
        try:
            with self._exchange("HEAD", "/") as response:
                return response.status > 0
        except ServerUnreachable as error:
            if isinstance(error.__cause__, ConnectionRefusedError):
                return False
            raise

    def version(self) -> str:
        """The version that the server says it has."""
        return self._get("/api/version", _Version).version

    def list_models(self) -> list[ListedModel]:
        """Every stored model, newest first."""
        return self._get("/api/tags", _Listed).models

    def loaded_models(self) -> list[LoadedModel]:
        """Every model in memory."""
        return self._get("/api/ps", _Loaded).models

    def describe(
        self, model: str, *, verbose: bool = False, shown_as: Mapping[str, object] | None = None
    ) -> Description:
        """What `show` tells; `shown_as`: a session's `system` and `options` in place of the stored ones."""
        return self._post("/api/show", {"model": model, "verbose": verbose, **(shown_as or {})}, Description)

    def copy(self, source: str, destination: str) -> None:
        """Give a model a second name."""
        self._post("/api/copy", {"source": source, "destination": destination}, msgspec.Struct)

    def delete(self, model: str) -> None:
        """Forget a model."""
        self._ask("DELETE", "/api/delete", {"model": model}, msgspec.Struct)

    def unload(self, model: str) -> None:
        """Take a model out of memory; quiet where it is not loaded."""
        for _ in self.generate({"model": model, "keep_alive": "0s"}):
            pass

    def embed(self, body: Mapping[str, object]) -> list[list[float]]:
        """The vectors of `body`'s inputs."""
        return self._post("/api/embed", body, _Embedded).embeddings

    def generate(self, body: Mapping[str, object]) -> Iterator[Piece]:
        """The answer to a prompt, piece by piece."""
        return self._stream("/api/generate", body, Piece)

    def chat(self, body: Mapping[str, object]) -> Iterator[Piece]:
        """The answer to a conversation, piece by piece."""
        return self._stream("/api/chat", body, Piece)

    def pull(self, model: str, *, insecure: bool = False) -> Iterator[Report]:
        """Fetch a model from its registry."""
        return self._job("/api/pull", _transfer(model, insecure))

    def push(self, model: str, *, insecure: bool = False) -> Iterator[Report]:
        """Send a model to its registry."""
        return self._job("/api/push", _transfer(model, insecure))

    def create(self, body: Mapping[str, object]) -> Iterator[Report]:
        """Make a model."""
        return self._job("/api/create", body)

    def user_name(self) -> str:
        """The name of the signed-in user; raises SignInRequired."""
        return self._post("/api/me", None, _Named).name

    def has_blob(self, digest: str) -> bool:
        """Whether the server has the bytes of that digest already."""
        with self._exchange("HEAD", f"/api/blobs/{digest}") as response:
            return response.status == http.client.OK

    def upload_blob(self, digest: str, path: Path, *, on_sent: Callable[[int], None]) -> None:
        """Send a file; `on_sent` is told the number of bytes of each block."""
        with path.open("rb") as file:
            size = path.stat().st_size

            def blocks() -> Iterator[bytes]:
                while block := file.read(BLOCK_BYTES):
                    yield block
                    on_sent(len(block))

            headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size)}
            with self._exchange("POST", f"/api/blobs/{digest}", blocks(), headers) as response:
                _checked(response, streaming=False)

    def _get(self, path: str, kind: type[Answer]) -> Answer:
        return self._ask("GET", path, None, kind)

    def _post(self, path: str, body: Mapping[str, object] | None, kind: type[Answer]) -> Answer:
        return self._ask("POST", path, body, kind)

    def _ask(
        self, method: Literal["GET", "POST", "DELETE"], path: str, body: Mapping[str, object] | None, kind: type[Answer]
    ) -> Answer:
        raw = None if body is None else encode(body)
        with self._exchange(method, path, raw, _headers("application/json")) as response:
            answer = _checked(response, streaming=False).read()
        if kind is msgspec.Struct:
            return kind()
        return convert(kind, _parsed(answer))

    def _job(self, path: str, body: Mapping[str, object]) -> Iterator[Report]:
        """A stream that must end in success: one that just ends has been cut."""
        status = ""
        for report in self._stream(path, body, Report):
            status = report.status
            yield report
        if status != "success":
            raise ServerUnreachable(f"{_LOST}; the last report was {status!r}")

    def _stream(self, path: str, body: Mapping[str, object], kind: type[Answer]) -> Iterator[Answer]:
        with self._exchange("POST", path, encode(body), _headers("application/x-ndjson")) as response:
            for line in _lines(_checked(response, streaming=True)):
                value = _parsed(line)
                if isinstance(value, dict) and value.get("error"):
                    raise ServerError(str(value["error"]), status=response.status)
                yield convert(kind, value)

    @contextmanager
    def _exchange(
        self,
        method: str,
        path: str,
        body: bytes | Iterable[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Generator[http.client.HTTPResponse, None, None]:
        """Send one request and give its response; the border where sockets' errors become ours."""
        target = f"{self._address.path}{path}"
        connection = self._connection()
        try:
            connection.connect()
            connection.sock.settimeout(CONNECT_TIMEOUT_S if method == "HEAD" else None)
            _send(connection, method, target, body, {"User-Agent": USER_AGENT, **(headers or {})})
            yield connection.getresponse()
        except OSError as error:
            raise ServerUnreachable(self._trouble(method, target, error)) from error
        except http.client.HTTPException as error:
            raise ServerUnreachable(_LOST) from error
        finally:
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if self._address.scheme == "https" else http.client.HTTPConnection
        return kind(self._address.connect_host, self._address.port, timeout=CONNECT_TIMEOUT_S, blocksize=BLOCK_BYTES)

    def _trouble(self, method: str, target: str, error: OSError) -> str:
        address = self._address
        url = f"{address.url.removesuffix(address.path)}{target}"
        reason = (error.strerror or str(error) or type(error).__name__).lower()
        return f'{method.capitalize()} "{url}": dial tcp: {reason}'


def _transfer(model: str, insecure: bool) -> dict[str, object]:
    return {"model": model, "insecure": True} if insecure else {"model": model}


def _headers(accept: str) -> dict[str, str]:
    return {"Content-Type": "application/json", "Accept": accept}


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


def _checked(response: http.client.HTTPResponse, *, streaming: bool) -> http.client.HTTPResponse:
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


def _parsed(raw: bytes) -> Any:
    """JSON of the server; ServerError in Go's words where it is none."""
    try:
        return parse(raw)
    except BadRequest:
        text = raw.decode("utf-8", "replace").lstrip()
        reason = (
            f"invalid character {text[0]!r} looking for beginning of value" if text else "unexpected end of JSON input"
        )
        raise ServerError(reason, status=http.client.OK) from None


def _lines(response: http.client.HTTPResponse) -> Iterator[bytes]:
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
