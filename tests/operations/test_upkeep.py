"""verify and purge as operations: what they tell, whom damage hurts, what stays."""

import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tampu.engine.reuse import shelf_in
from tampu.errors import ModelNotFound
from tampu.management import DeleteRequest, PurgeRequest, VerifyRequest
from tampu.operations.blobs import receive_blob
from tampu.operations.catalog import delete_model
from tampu.operations.purge import purge
from tampu.operations.verify import verify
from tampu.progress import Progress
from tampu.upkeep import Damage, Leftover, LeftoverKind, Purged, Verified
from tests.operations.store_steps import StoreServices, digest_of, model_file, pieces, run_create, services_in

pytestmark = pytest.mark.anyio

FILE = "a-embed.gguf"
Last = TypeVar("Last")


@pytest.fixture
async def services(tmp_path: Path) -> StoreServices:
    """`base` and `child` share weights; `child` has a system text of its own."""
    services = services_in(tmp_path)
    await receive_blob(services, digest_of(FILE), pieces(model_file(FILE)))
    await run_create(services, {"model": "base", "files": {FILE: digest_of(FILE)}})
    await run_create(services, {"model": "child", "from": "base", "system": "own text"})
    return services


async def last(events: AsyncIterator[Progress | Last]) -> Last:
    seen = [event async for event in events]
    assert not isinstance(seen[-1], Progress)
    steps = [event for event in seen if isinstance(event, Progress)]
    done = [step.completed_bytes or 0 for step in steps]
    assert done == sorted(done)
    assert all(done <= (step.total_bytes or 0) for done, step in zip(done, steps, strict=True))
    return seen[-1]


async def verified(services: Any, *models: str) -> Verified:
    return await last(verify(services, VerifyRequest(models=models)))


async def purged(services: Any, *, dry_run: bool = False) -> Purged:
    return await last(purge(services, PurgeRequest(dry_run=dry_run)))


def weights(services: StoreServices) -> Path:
    return services.library.blobs.path(digest_of(FILE))


async def test_a_whole_store(services: StoreServices) -> None:
    found = await verified(services)
    files = list(services.library.layout.blobs.iterdir())
    assert found == Verified(len(files), sum(path.stat().st_size for path in files), ())
    assert (await verified(services_in(services.library.layout.root / "none"))).blobs == 0


def change(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("harm", "problem"),
    [
        (change, "its bytes are not what its digest says"),
        (lambda path: os.truncate(path, 7), "has 7 bytes instead of "),
        (Path.unlink, "is missing"),
        (lambda path: (path.unlink(), path.mkdir()), "is no file"),
        (
            lambda path: (path.unlink(), path.symlink_to("nowhere")),
            "is a link to a file outside the models folder that",
        ),
    ],
)
async def test_damage_hurts_every_model_that_uses_the_blob(services: StoreServices, harm: Any, problem: str) -> None:
    harm(weights(services))
    (damage,) = (await verified(services)).damages
    assert damage.digest == digest_of(FILE)
    assert damage.problem.startswith(problem)
    assert damage.models == ("base:latest", "child:latest")
    assert (await verified(services, "child")).damages == (Damage(damage.digest, damage.problem, ("child:latest",)),)


async def test_a_file_that_its_owner_edits_is_told_apart(services: StoreServices, tmp_path: Path) -> None:
    os.link(weights(services), tmp_path / "mine.gguf")
    assert (await verified(services)).damages == ()
    change(tmp_path / "mine.gguf")
    (damage,) = (await verified(services)).damages
    assert damage.problem.endswith("it is also a file outside the models folder, and was edited there")


async def test_one_model_reads_only_what_it_uses(services: StoreServices) -> None:
    own = services.library.blobs.put_bytes(b"own text").digest
    change(services.library.blobs.path(own))
    assert (await verified(services, "base")).damages == ()
    assert [damage.models for damage in (await verified(services)).damages] == [("child:latest",)]
    with pytest.raises(ModelNotFound):
        await verified(services, "nosuch")


async def test_damaged_manifests_are_named(services: StoreServices) -> None:
    manifests = services.library.layout.manifests
    (path,) = manifests.rglob("child/latest")
    path.write_bytes(b"{")
    (manifests / "registry.ollama.ai/library/base/latest~").write_bytes(b"")
    (manifests / "registry.ollama.ai/library/base/.DS_Store").write_bytes(b"\x00\x00\x00\x01Bud1")
    found = (await verified(services)).damages
    assert sorted((damage.digest, damage.models) for damage in found) == [("", ()), ("", ("child:latest",))]
    assert any("child:latest is damaged" in damage.problem for damage in found)
    path.write_text('{"layers": [{"digest": "../../../etc/passwd", "size": 1}], "config": {}}')
    problems = [damage.problem for damage in (await verified(services, "child")).damages]
    assert problems == ["is no digest"]


async def test_unused_blobs_are_verified_too(services: StoreServices) -> None:
    stored = services.library.blobs.put_bytes(b"unused")
    change(services.library.blobs.path(stored.digest))
    (damage,) = (await verified(services)).damages
    assert damage.models == ()


async def test_what_is_deleted_meanwhile_is_no_damage(services: StoreServices) -> None:
    events = verify(services, VerifyRequest())
    await anext(events)  # type: ignore[call-overload]  # the plan is made
    await delete_model(services, DeleteRequest("child"))
    await delete_model(services, DeleteRequest("base"))
    assert (await last(events)).damages == ()


async def test_purging(services: StoreServices) -> None:
    unused = [services.library.blobs.put_bytes(b"unused %d" % number) for number in range(100)]
    told = await purged(services, dry_run=True)
    assert {leftover.name for leftover in told.leftovers} == {blob.digest.replace(":", "-") for blob in unused}
    assert told.bytes == sum(blob.size for blob in unused)
    assert await purged(services) == told
    assert (await purged(services)).leftovers == ()
    assert (await verified(services)).damages == ()


async def test_purging_takes_the_kept_prompts_along(services: StoreServices) -> None:
    shelf = shelf_in(services.settings)
    shelf.prepare()
    (shelf.folder / "0-1.kv").write_bytes(b"state")
    told = await purged(services, dry_run=True)
    assert told.leftovers == (Leftover("0-1.kv", LeftoverKind.PROMPT, 5),)
    assert await purged(services) == told
    assert shelf.files() == []


async def test_purging_takes_the_kept_translations_along(services: StoreServices) -> None:
    views = services.library.layout.views
    views.mkdir(parents=True)
    (views / "kept-a").write_bytes(b"x" * 8192)
    (views / "making-b").touch()
    told = await purged(services, dry_run=True)
    assert told.leftovers == (Leftover("kept-a", LeftoverKind.VIEW, 8192),)
    assert await purged(services) == told
    assert [path.name for path in views.iterdir()] == ["making-b"]


async def test_an_upload_that_waits_for_its_create_stays(services: StoreServices) -> None:
    content = model_file("a-f16.gguf")
    await receive_blob(services, digest_of("a-f16.gguf"), pieces(content))
    assert (await purged(services)).leftovers == ()
    shutil.rmtree(services.library.layout.manifests)
    assert digest_of("a-f16.gguf").replace(":", "-") not in {each.name for each in (await purged(services)).leftovers}
