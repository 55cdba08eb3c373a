"""Asks a running server over HTTP: typed answers, streams piece by piece, errors in words. Knows no terminal."""

import http.client
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from tampu.client.answers import (
    Description,
    Finding,
    FoundEngine,
    ListedModel,
    LoadedModel,
    Offers,
    Piece,
    Purged,
    QueuedRequest,
    Report,
    Tuned,
    Unfinished,
    Verified,
)
from tampu.client.connection import BLOCK_BYTES, LOST, Connector, checked, lines_of, parsed
from tampu.config import Address
from tampu.errors import ServerError, ServerUnreachable
from tampu.wire import convert, encode

Answer = TypeVar("Answer", bound=msgspec.Struct)
Step = TypeVar("Step", bound=Report)


class _Listed(msgspec.Struct):
    models: list[ListedModel] = []


class _Loaded(msgspec.Struct):
    models: list[LoadedModel] = []


class _Queued(msgspec.Struct):
    requests: list[QueuedRequest] = []


class _LogLine(msgspec.Struct):
    line: str = ""


class _Begun(msgspec.Struct):
    partials: list[Unfinished] = []


class _Examined(msgspec.Struct):
    findings: list[Finding] = []


class _Engines(msgspec.Struct):
    engines: list[FoundEngine] = []


class _Embedded(msgspec.Struct):
    embeddings: list[list[float]] = []


class _Named(msgspec.Struct):
    name: str = ""


class _Version(msgspec.Struct):
    version: str = ""


class Client:
    """One server. Every call opens a connection of its own, so an abandoned answer is simply hung up on."""

    def __init__(self, address: Address, *, patience_s: float | None = None) -> None:
        self._server = Connector(address, patience_s=patience_s)

    def is_answering(self) -> bool:
        """Whether a server is there; False where the connection is refused, ServerUnreachable for any other trouble."""
        try:
            with self._server.exchange("HEAD", "/") as response:
                return response.status > 0
        except ServerUnreachable as error:
            if isinstance(error.__cause__, ConnectionRefusedError):
                return False
            raise

    def version(self) -> str:
        """The version that the server says it has."""
        return self._get("/api/version", _Version).version

    def own_version(self) -> str:
        """The version of this very program that serves there; "" where it is another one."""
        with self._server.exchange("GET", "/api/version") as response:
            return str(response.headers.get("tampu-version", ""))

    def list_models(self) -> list[ListedModel]:
        """Every stored model, newest first."""
        return self._get("/api/tags", _Listed).models

    def loaded_models(self) -> list[LoadedModel]:
        """Every model in memory."""
        return self._get("/api/ps", _Loaded).models

    def queue(self) -> list[QueuedRequest]:
        """Every request for a model that is under way, the running ones first."""
        return self._get("/api/queue", _Queued).requests

    def cancel(self, request_id: str) -> None:
        """End a request, whoever sent it."""
        self._ask("DELETE", f"/api/queue/{quote(request_id, safe='', errors='replace')}", None, msgspec.Struct)

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

    def pull(self, model: str, *, insecure: bool = False, limit_rate: str = "") -> Iterator[Report]:
        """Fetch a model from its registry, at no more than `limit_rate` bytes a second (`5M`; "": no limit)."""
        limit = {"limit_rate": limit_rate} if limit_rate else {}
        return self._job("/api/pull", {**_transfer(model, insecure), **limit}, Report)

    def unfinished_pulls(self) -> list[Unfinished]:
        """Downloads that were begun and are not whole, the youngest first."""
        return self._get("/api/partials", _Begun).partials

    def offers(self) -> Offers:
        """What can be got by a short name, and the memory that there is for it."""
        return self._get("/api/catalog", Offers)

    def examine(self) -> list[Finding]:
        """What the server finds out about its machine, its engine and its models folder."""
        return self._get("/api/doctor", _Examined).findings

    def logs(self, model: str = "", *, lines: int, follow: bool = False) -> Iterator[str]:
        """The last lines of the server's log, or of that of a model's engine; with `follow` those that come, too."""
        query = urlencode({"model": model, "lines": lines, "follow": str(follow).lower()}, errors="replace")
        for line in self._lines("GET", f"/api/logs?{query}", None, _LogLine, tells_status=False):
            yield line.line

    def engines(self) -> list[FoundEngine]:
        """The engines of the server's machine, each of them tried."""
        return self._get("/api/engines", _Engines).engines

    def use_engine(self, name: str) -> None:
        """Let models be loaded by that engine from now on."""
        self._post("/api/engines/use", {"name": name}, msgspec.Struct)

    def build_engine(self, name: str, source: str) -> Iterator[Report]:
        """Compile an engine for the server's machine, out of a folder there or ("") of what it fetches."""
        return self._job("/api/engines/build", {"name": name, "source": source}, Report)

    def tune(self, model: str, *, dry_run: bool, reset: bool) -> Iterator[Tuned]:
        """Measure how a model runs best; the last report says what was found."""
        return self._job("/api/tune", {"model": model, "dry_run": dry_run, "reset": reset}, Tuned)

    def push(self, model: str, *, insecure: bool = False) -> Iterator[Report]:
        """Send a model to its registry."""
        return self._job("/api/push", _transfer(model, insecure), Report)

    def create(self, body: Mapping[str, object]) -> Iterator[Report]:
        """Make a model."""
        return self._job("/api/create", body, Report)

    def verify(self, models: Sequence[str] = ()) -> Iterator[Verified]:
        """Hash what is stored, of all models or of these; the last report says what is damaged."""
        return self._job("/api/verify", {"models": list(models)}, Verified)

    def purge(self, *, dry_run: bool = False) -> Iterator[Purged]:
        """Remove what no model uses; the last report says what went or, in a dry run, would go."""
        return self._job("/api/purge", {"dry_run": dry_run}, Purged)

    def user_name(self) -> str:
        """The name of the signed-in user; raises SignInRequired."""
        return self._post("/api/me", None, _Named).name

    def sign_out(self) -> None:
        """Make the server forget who is signed in; raises SignInRequired where nobody is."""
        self._post("/api/signout", None, msgspec.Struct)

    def has_blob(self, digest: str) -> bool:
        """Whether the server has the bytes of that digest already."""
        with self._server.exchange("HEAD", f"/api/blobs/{digest}") as response:
            return response.status == http.client.OK

    def adopt_blob(self, digest: str, path: Path, *, or_point: bool = False) -> Iterator[Report]:
        """Let a server on this machine take a file from where it lies; raises ServerError where it does not.

        `or_point`: between file systems it is not copied but pointed to.
        """
        if not _is_text(path):
            # Told with other letters, it might be another file.
            raise ServerError(f"the name of {path.name} is no text; rename it", status=http.client.BAD_REQUEST)
        return self._job(f"/api/blobs/{digest}/adopt", {"path": str(path), "or_point": or_point}, Report)

    def upload_blob(self, digest: str, path: Path, *, on_sent: Callable[[int], None]) -> None:
        """Send a file; `on_sent` is told the bytes that have gone so far."""
        with path.open("rb") as file:
            size = path.stat().st_size

            def blocks() -> Iterator[bytes]:
                sent = 0
                while block := file.read(BLOCK_BYTES):
                    yield block
                    sent += len(block)
                    on_sent(sent)

            headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size)}
            with self._server.exchange("POST", f"/api/blobs/{digest}", blocks(), headers) as response:
                checked(response, streaming=False)

    def _get(self, path: str, kind: type[Answer]) -> Answer:
        return self._ask("GET", path, None, kind)

    def _post(self, path: str, body: Mapping[str, object] | None, kind: type[Answer]) -> Answer:
        return self._ask("POST", path, body, kind)

    def _ask(
        self, method: Literal["GET", "POST", "DELETE"], path: str, body: Mapping[str, object] | None, kind: type[Answer]
    ) -> Answer:
        raw = None if body is None else encode(body)
        with self._server.exchange(method, path, raw, _headers("application/json")) as response:
            answer = checked(response, streaming=False).read()
        if kind is msgspec.Struct:
            return kind()
        return convert(kind, parsed(answer))

    def _job(self, path: str, body: Mapping[str, object], kind: type[Step]) -> Iterator[Step]:
        """A stream that must end in success: one that just ends has been cut."""
        status = ""
        for report in self._stream(path, body, kind):
            status = report.status
            yield report
        if status != "success":
            raise ServerUnreachable(f"{LOST}; the last report was {status!r}")

    def _stream(self, path: str, body: Mapping[str, object], kind: type[Answer]) -> Iterator[Answer]:
        yield from self._lines("POST", path, encode(body), kind)

    def _lines(
        self, method: str, path: str, body: bytes | None, kind: type[Answer], *, tells_status: bool = True
    ) -> Iterator[Answer]:
        with self._server.exchange(method, path, body, _headers("application/x-ndjson")) as response:
            for line in lines_of(checked(response, streaming=tells_status)):
                value = parsed(line)
                if isinstance(value, dict) and value.get("error"):
                    raise ServerError(str(value["error"]), status=response.status)
                yield convert(kind, value)


def _is_text(path: Path) -> bool:
    """Whether every byte of the path spells a character."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def _transfer(model: str, insecure: bool) -> dict[str, object]:
    return {"model": model, "insecure": True} if insecure else {"model": model}


def _headers(accept: str) -> dict[str, str]:
    return {"Content-Type": "application/json", "Accept": accept}
