"""A program that kills copies of itself in the middle of changes to a store, and looks at what is left each time.

usage: crashing.py FOLDER SCENARIO. It forks a child per call of the file system, kills the child just before that call,
and prints as JSON how many children died and every damage that was found afterwards. Forking needs a process of its
own: one without threads.
"""

import itertools
import json
import os
import shutil
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio

from tampu.errors import TampuError
from tampu.management import CopyRequest, DeleteRequest, PurgeRequest, VerifyRequest
from tampu.operations.blobs import receive_blob
from tampu.operations.catalog import copy_model, delete_model
from tampu.operations.purge import purge
from tampu.operations.verify import verify
from tampu.store.gc import open_folder
from tampu.upkeep import Purged, Verified
from tests.operations.store_steps import StoreServices, digest_of, model_file, pieces, run_create, services_in
from tests.store.stored import damage_in, name

CALLS = ("open", "write", "fsync", "replace", "rename", "unlink", "rmdir", "mkdir", "utime", "link", "close")
DIED = -signal.SIGKILL
FILE = "a-embed.gguf"


async def upload(services: StoreServices) -> None:
    await receive_blob(services, digest_of(FILE), pieces(model_file(FILE)))


async def make(services: StoreServices, model: str, **fields: Any) -> None:
    outcome = await run_create(services, {"model": model, **fields})
    if "error" in outcome.body:
        raise TampuError(outcome.body["error"])


async def prepare(services: StoreServices) -> None:
    await upload(services)
    await make(services, "base", files={FILE: digest_of(FILE)}, system="s")
    await make(services, "child", **{"from": "base", "license": "l", "parameters": {"top_k": 1}})
    await make(services, "ns/lone:1", **{"from": "base", "system": "only mine"})


async def create_new(services: StoreServices) -> None:
    await upload(services)
    await make(
        services, "h.test/new/one:t", files={FILE: digest_of(FILE)}, template="{{ .Prompt }}", license=["l", "m"]
    )


async def create_over(services: StoreServices) -> None:
    await make(services, "child", **{"from": "base", "system": "other", "messages": [{"role": "user", "content": "x"}]})


async def copy_over(services: StoreServices) -> None:
    await copy_model(services, CopyRequest("base", "ns/lone:1"))


async def delete(services: StoreServices) -> None:
    await delete_model(services, DeleteRequest("ns/lone:1"))
    await delete_model(services, DeleteRequest("child"))


async def clear_out(services: StoreServices) -> None:
    """A purge of every kind of leftover, besides what the models use."""
    blobs = services.library.layout.blobs
    for content in (b"one", b"two"):
        services.library.blobs.put_bytes(content)
    for file in ("sha256-77", f"sha256-{'a' * 64}-partial", f"sha256-{'a' * 64}-partial-0"):
        (blobs / file).write_bytes(b"x")
        os.utime(blobs / file, (1, 1))
    found = [event async for event in purge(services, PurgeRequest())][-1]
    if not isinstance(found, Purged) or len(found.leftovers) < 4:
        raise TampuError(f"not all was removed: {found}")


SCENARIOS: dict[str, Callable[[StoreServices], Awaitable[None]]] = {
    "create_new": create_new,
    "create_over": create_over,
    "copy_over": copy_over,
    "delete": delete,
    "purge": clear_out,
}


def die_before(call_number: int) -> None:
    """Let this process die just before its n-th call of the file system."""
    numbers = itertools.count()

    def bomb(call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **named: Any) -> Any:
            if next(numbers) == call_number:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*arguments, **named)

        return counted

    for each in CALLS:
        setattr(os, each, bomb(getattr(os, each)))


def child_status(folder: Path, scenario: str, call_number: int) -> int:
    child = os.fork()
    if child == 0:
        try:
            services = services_in(folder)
            die_before(call_number)
            anyio.run(SCENARIOS[scenario], services)
        except BaseException as error:  # noqa: BLE001  # whatever it was, the parent must hear of it
            print(f"{type(error).__name__}: {error}", file=sys.stderr)
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


async def verified(services: StoreServices) -> list[str]:
    """What `verify` finds, which must be what this program finds itself: nothing."""
    last = [event async for event in verify(services, VerifyRequest())][-1]
    return [f"verify: {damage}" for damage in last.damages] if isinstance(last, Verified) else ["verify did not end"]


def no_sync(_: int) -> None:
    """Death of a process loses nothing that was written; only a power cut does, and that is not played here."""


def main() -> None:
    os.fsync = no_sync
    folder, scenario = Path(sys.argv[1]), sys.argv[2]
    anyio.run(prepare, services_in(folder / "ready"))
    found: list[str] = []
    for number in itertools.count():
        store = folder / "store"
        shutil.rmtree(store, ignore_errors=True)
        shutil.copytree(folder / "ready", store)
        status = child_status(store, scenario, number)
        found += [f"death {number}: {line}" for line in damage_in(store)]
        services = services_in(store)
        found += [f"death {number}: {line}" for line in anyio.run(verified, services)]
        if name("base") not in services.library.names():
            found.append(f"death {number}: an untouched model is gone")
        open_folder(services.library, prune_leftovers=True)
        anyio.run(SCENARIOS["create_new"], services)  # what died must not stop the next one
        found += [f"after death {number}: {line}" for line in damage_in(store)]
        if status != DIED:
            break
    print(json.dumps({"deaths": number, "status": status, "found": found}))


if __name__ == "__main__":
    main()
