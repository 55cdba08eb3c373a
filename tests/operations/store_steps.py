"""Plays recorded HTTP steps of the store against the operations, without a server: what the routes would do."""

import hashlib
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tampu.api.dialect import Call
from tampu.api.native.create import CREATE_CODEC
from tampu.config import Settings
from tampu.errors import TampuError
from tampu.management import CopyRequest, CreateRequest, DeleteRequest
from tampu.operations.blobs import has_blob, receive_blob
from tampu.operations.catalog import copy_model, delete_model, list_models
from tampu.operations.create import create
from tampu.store.library import Library
from tests.recordings import recorded_bytes

_DIGEST_OF = re.compile(r"\{sha256:([^}]+)\}")


@dataclass
class StoreServices:
    """The part of the services that these operations use."""

    settings: Settings
    library: Library


def services_in(folder: Path, **settings: Any) -> StoreServices:
    return StoreServices(
        Settings(models_folder=folder, home=folder / "home", **settings), Library(folder, recheck_s=0.0)
    )


def create_request(body: dict[str, Any]) -> CreateRequest:
    return CREATE_CODEC.decode(Call(json.dumps(body).encode()))


async def pieces(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), 1000):
        yield content[start : start + 1000]


def model_file(name: str) -> bytes:
    for folder in ("store/models", "models"):
        try:
            return recorded_bytes(f"{folder}/{name}")
        except FileNotFoundError:
            continue
    raise FileNotFoundError(name)


@dataclass
class Outcome:
    """What a route would answer: a status and, of a stream, the lines."""

    status: int
    lines: list[dict[str, Any]]

    @property
    def body(self) -> Any:
        return self.lines[-1] if self.lines else None


async def run_create(services: Any, body: dict[str, Any]) -> Outcome:
    lines: list[dict[str, Any]] = []
    request = create_request(body)
    try:
        async for report in create(services, request):
            lines.append({"status": report.status})
    except TampuError as error:
        failed = {"error": error.message}
        if not lines or not request.stream:
            return Outcome(error.status, [failed])
        lines.append(failed)
    return Outcome(200, lines if request.stream else lines[-1:])


async def run_step(services: Any, method: str, path: str, body: dict[str, Any] | None, upload: bytes) -> Outcome | None:
    """The outcome of one step; None for a route that these operations do not serve."""
    try:
        return await _routed(services, (method, path.split("/")[2:]), body or {}, upload)
    except TampuError as error:
        return Outcome(error.status, [{"error": error.message}])


async def _routed(services: Any, route: tuple[str, list[str]], body: dict[str, Any], upload: bytes) -> Outcome | None:
    outcome: Outcome | None = Outcome(200, [])
    match route:
        case "POST", ["create"]:
            outcome = await run_create(services, body)
        case "POST", ["copy"]:
            await copy_model(services, CopyRequest(body.get("source", ""), body.get("destination", "")))
        case "DELETE", ["delete"]:
            await delete_model(services, DeleteRequest(body.get("model") or body.get("name") or ""))
        case "GET", ["tags"]:
            outcome = Outcome(200, [{"models": await list_models(services)}])
        case "HEAD", ["blobs", digest] if digest != "..":
            outcome = Outcome(200 if await has_blob(services, digest) else 404, [])
        case "POST", ["blobs", digest]:
            outcome = Outcome(201 if await receive_blob(services, digest, pieces(upload)) else 200, [])
        case _:
            outcome = None
    return outcome


def filled(value: Any) -> Any:
    """A step's JSON or path with `{sha256:NAME}` replaced by the digest of that file."""
    return json.loads(_DIGEST_OF.sub(lambda match: digest_of(match[1]), json.dumps(value)))


def digest_of(file: str) -> str:
    return f"sha256:{hashlib.sha256(model_file(file)).hexdigest()}"
