from pathlib import Path

import pytest

from tampu.errors import BadRequest, ModelNotFound
from tampu.management import CopyRequest, DeleteRequest
from tampu.operations.catalog import copy_model, delete_model, list_models
from tests.operations.store_steps import StoreServices, filled, model_file, run_step, services_in
from tests.recordings import recording
from tests.store.stored import name, put

pytestmark = pytest.mark.anyio


@pytest.fixture
def services(tmp_path: Path) -> StoreServices:
    return services_in(tmp_path)


async def test_recorded_exchanges(services: StoreServices) -> None:
    played = 0
    for step in recording("store/copy-delete.json")["steps"]:
        upload = model_file(step["blob"]) if "blob" in step else b""
        got = await run_step(services, step["method"], filled(step["path"]), filled(step.get("json")), upload)
        if got is None:
            continue
        played += 1
        wanted = step["response"]
        assert (step["name"], got.status) == (step["name"], wanted["status"])
        if isinstance(wanted.get("body"), dict) and "error" in wanted["body"]:
            assert got.body == wanted["body"]
        if isinstance(wanted.get("body"), dict) and "models" in wanted["body"]:
            assert {model.name for model in got.body["models"]} == {model["name"] for model in wanted["body"]["models"]}
    assert played == 56


@pytest.mark.parametrize("bad", ["", "a b", "../x", "/etc/passwd", "a/b/c/d", "x\0y", "ä", "m" * 10_000, "ns/..:t"])
async def test_names_that_are_none(services: StoreServices, bad: str) -> None:
    put(services.library, "base", {"system": b"s"})
    with pytest.raises(BadRequest, match="source"):
        await copy_model(services, CopyRequest(bad, "x"))
    with pytest.raises(BadRequest, match="destination"):
        await copy_model(services, CopyRequest("base", bad))
    with pytest.raises(BadRequest):
        await delete_model(services, DeleteRequest(bad))
    assert services.library.names() == [name("base")]


async def test_a_copy_onto_itself_is_nothing_even_of_nothing(services: StoreServices) -> None:
    await copy_model(services, CopyRequest("ghost", "ghost:latest"))
    put(services.library, "Base", {"system": b"s"})
    await copy_model(services, CopyRequest("base", "BASE"))
    assert services.library.names() == [name("Base")]


@pytest.mark.parametrize(
    ("stored", "asked"),
    [("m:7b-cloud", "m:7b:cloud"), ("m:cloud", "m:cloud"), ("m", "m:local"), ("m:7b", " m:7b:local "), ("M:T", "m:t")],
)
async def test_suffixes_and_case_of_what_is_deleted(services: StoreServices, stored: str, asked: str) -> None:
    put(services.library, stored, {"system": b"s"})
    await delete_model(services, DeleteRequest(asked))
    assert services.library.names() == []


async def test_what_is_not_there_is_told_as_it_was_asked_for(services: StoreServices) -> None:
    with pytest.raises(ModelNotFound, match=r"^model 'Ghost' not found$"):
        await delete_model(services, DeleteRequest("Ghost"))
    with pytest.raises(ModelNotFound, match=r'^model "Ghost" not found$'):
        await copy_model(services, CopyRequest("Ghost", "x"))


async def test_a_corrupt_manifest_is_copied_and_removed(services: StoreServices) -> None:
    put(services.library, "m", {"system": b"s"})
    services.library.layout.manifest(name("m")).write_bytes(b"{nonsense")
    await copy_model(services, CopyRequest("m", "n"))
    assert await list_models(services) == []
    assert len(services.library.names()) == 2
    for model in ("m", "n"):
        await delete_model(services, DeleteRequest(model))
    assert services.library.names() == []


async def test_nothing_is_pruned_where_that_is_switched_off(tmp_path: Path) -> None:
    services = services_in(tmp_path, no_prune=True)
    old = put(services.library, "m", {"system": b"old"})
    put(services.library, "n", {"system": b"new"})
    await copy_model(services, CopyRequest("n", "m"))
    assert services.library.blobs.has(old.layers[0].digest)
