"""Recorded stories of several pulls: a model that changes, and blobs of several parts."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tampu.management import CopyRequest
from tampu.operations.catalog import copy_model
from tampu.progress import Progress
from tampu.registry.identity import Identity
from tampu.registry.partial import PartialBlob
from tampu.registry.patience import Patience
from tests.fakes.pulling import PullServices, open_services
from tests.fakes.recorded_registry import RecordedRegistry, forms_of
from tests.fakes.registry_server import Asked, FakeRegistry
from tests.recordings import recording
from tests.tally import Tally

pytestmark = pytest.mark.anyio

STEPS = 4
"""Of the story of updates; the last case is about create."""


async def test_a_model_that_changes(tmp_path: Path, tally: Tally) -> None:
    Identity.load_or_create(tmp_path)
    cases = recording("registry/wire-update.json")["cases"][:STEPS]
    story = {"wire": [each for case in cases for each in case["wire"]], "cases": cases}
    async with RecordedRegistry(story, story) as registry, open_services(tmp_path) as services:
        for case in registry.case["cases"]:
            model = case["request"]["model"]
            if any("kept" in file["path"] for file in case.get("store_after", ())):
                await copy_model(services, CopyRequest(model, "kept"))  # type: ignore[arg-type]  # the library is all that it uses
            registry.requests.clear()
            events = await services.pull(model)
            with tally.case("registry/wire-update"):
                assert sorted(registry.requests) == sorted(forms_of(case["wire"])), case["name"]
                _assert_told(events, case["events"])
            if "store_after" in case:
                assert _files(services) == {_place(file["path"]): file["size"] for file in case["store_after"]}


def _assert_told(events: list[Progress], recorded: list[dict[str, Any]]) -> None:
    """The same steps; and of the layers that were there already, which Ollama tells of for certain, the same words."""
    assert _steps([event.status for event in events if not event.digest]) == _steps(
        [event["status"] for event in recorded if "digest" not in event]
    )
    ours = [(event.status, event.digest, event.total_bytes, event.completed_bytes) for event in events]
    for event in recorded:
        if "completed" in event:
            assert (event["status"], event["digest"], event["total"], event["completed"]) in ours


def _steps(statuses: list[str]) -> list[str]:
    return list(dict.fromkeys(statuses))


def _place(path: str) -> str:
    """Ports in the names of hosts are those of the recording's placeholder."""
    return path.rpartition("/me/")[2] if "/me/" in path else path


def _files(services: PullServices) -> dict[str, int]:
    root = services.library.layout.root
    found = [path for folder in ("blobs", "manifests") for path in (root / folder).rglob("*") if path.is_file()]
    return {_place(str(path.relative_to(root))): path.stat().st_size for path in found}


LARGE_CASES = {case["name"]: case for case in recording("registry/wire-large.json")["cases"]}
SIZE = 253_113_024


@pytest.mark.slow
async def test_a_blob_of_three_parts_and_what_a_kill_left_of_it(tmp_path: Path) -> None:
    # In one loop with a registry that copies so much, silence is no sign of trouble.
    async with FakeRegistry() as registry, open_services(tmp_path, patience=Patience()) as services:
        registry.add_model("me/gemma:v1", ("model", bytes(SIZE)))
        model = f"{registry.host}/me/gemma:v1"
        events = await services.pull(model)
        assert _asked(registry) == _recorded("pull of 253 MB")
        assert _steps([event.status for event in events if not event.digest]) == [
            event["status"] for event in LARGE_CASES["pull of 253 MB"]["events"] if "digest" not in event
        ]
        [blob] = [path for path in services.library.layout.blobs.iterdir() if path.stat().st_size == SIZE]
        blob.unlink()
        _leave_as_killed(blob)
        registry.forgive()
        await services.pull(model)
        # Ollama's part files say 0 after a kill, so it asks for all parts anew; the small config is here already.
        assert _asked(registry) == _recorded("pull after the kill", blob_only=True)
        assert blob.stat().st_size == SIZE


def _leave_as_killed(blob: Path) -> None:
    """The files that the recording found after the kill."""
    for file in LARGE_CASES["server killed (KILL) in the middle"]["store"]:
        _, partial, suffix = file["path"].rpartition("-partial")
        if partial:
            path = blob.with_name(f"{blob.name}-partial{suffix}")
            path.write_bytes(file.get("text", "").encode())
            if not suffix:
                with path.open("r+b") as data:
                    data.truncate(file["size"])
    partial = PartialBlob.open(blob, SIZE)
    assert (len(partial.parts), partial.completed) == (3, 0)
    partial.close()


def _asked(registry: FakeRegistry) -> Counter[tuple[str, str, str]]:
    return Counter(_request(each, registry) for each in registry.asked)


def _request(asked: Asked, registry: FakeRegistry) -> tuple[str, str, str]:
    host = {registry.host: "{REGISTRY}", registry.other: "{OTHER}"}[asked.host]
    return asked.method, host, _range_of_large(asked.headers.get("Range", ""))


def _recorded(name: str, *, blob_only: bool = False) -> Counter[tuple[str, str, str]]:
    wire = [each for each in LARGE_CASES[name]["wire"] if not blob_only or "3ab0c2ea" not in each["request"]["path"]]
    return Counter(
        (each["request"]["method"], each["host"], _range_of_large(each["request"]["headers"].get("Range", "")))
        for each in wire
    )


def _range_of_large(header: str) -> str:
    """Ranges of the large blob; the configs differ in their length."""
    return header if not header or int(header.rpartition("-")[2]) > 1000 else "small"
