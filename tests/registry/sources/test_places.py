"""Weights from an address and from a folder, through the same pull as from a registry."""

import hashlib
import json
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tampu.config import Settings
from tampu.errors import ConfigError, DigestMismatch, RegistryError, RegistryNotFound
from tampu.names import ModelName
from tampu.registry.catalog import open_catalog
from tampu.registry.partial import read_states
from tests.fakes import registry_server as server
from tests.fakes.pulling import PullServices, open_services
from tests.fakes.registry_server import FakeRegistry

pytestmark = pytest.mark.anyio

WEIGHTS = random.Random(3).randbytes(2_000_000)  # noqa: S311  # bytes that do not compress
DIGEST = f"sha256:{hashlib.sha256(WEIGHTS).hexdigest()}"


@pytest.fixture
async def files() -> AsyncIterator[FakeRegistry]:
    """A file server: any path that ends in a digest is that blob."""
    async with FakeRegistry(redirects=False) as files:
        files.add_blob(WEIGHTS)
        yield files


def catalog(folder: Path, *sources: dict[str, Any], **changes: Any) -> Path:
    model = {
        "names": ["mine:v1"],
        "sources": sources,
        "digest": DIGEST,
        "size": len(WEIGHTS),
        "template": "{{ .Prompt }}",
        "parameters": {"stop": ["x"]},
    }
    path = folder / "catalog.json"
    path.write_text(json.dumps({"version": 1, "models": [{**model, **changes}]}))
    return path


def url_of(files: FakeRegistry) -> dict[str, str]:
    return {"kind": "url", "url": f"http://{files.host}/files/blobs/{DIGEST}"}


def services_with(folder: Path, *sources: dict[str, Any], **changes: Any) -> Any:
    return open_services(folder, catalog=catalog(folder, *sources, **changes))


def assert_whole(services: PullServices) -> None:
    model = services.library.get(ModelName.parse("mine:v1"))
    assert model.weights[0].read_bytes() == WEIGHTS
    assert model.parameters["stop"] == ["x"]


async def test_an_address_is_fetched_like_a_layer(files: FakeRegistry, tmp_path: Path) -> None:
    async with services_with(tmp_path, url_of(files)) as services:
        events = await services.pull("mine:v1", insecure=False)
        assert_whole(services)
    reports = [event.completed_bytes for event in events if event.digest == DIGEST]
    assert reports == sorted(reports)
    assert reports[-1] == len(WEIGHTS)
    told = list(dict.fromkeys(event.status for event in events))
    assert told == [
        "pulling manifest",
        f"pulling {DIGEST[7:19]}",
        "verifying sha256 digest",
        "writing manifest",
        "success",
    ]


async def test_a_cut_address_is_gone_on_with(files: FakeRegistry, tmp_path: Path) -> None:
    async with services_with(tmp_path, url_of(files)) as services:
        files.script("part", server.truncate(900_000), *[server.status(500)] * 9)
        with pytest.raises(RegistryError, match="max retries exceeded"):
            await services.pull("mine:v1")
        assert read_states(services.library.layout.blob(DIGEST)).completed == 900_000
        files.forgive()
        await services.pull("mine:v1")
        assert_whole(services)
        assert [asked.range for asked in files.of_kind("part")] == [(900_000, len(WEIGHTS) - 1)]


async def test_an_address_without_head_and_without_ranges(files: FakeRegistry, tmp_path: Path) -> None:
    async with services_with(tmp_path, url_of(files)) as services:
        files.script("head", *[server.status(405)] * 9)
        files.script("part", server.ignore_range())
        await services.pull("mine:v1")
        assert_whole(services)


async def test_other_content_is_refused(files: FakeRegistry, tmp_path: Path) -> None:
    files.blobs[DIGEST] = bytes(len(WEIGHTS))
    async with services_with(tmp_path, url_of(files)) as services:
        with pytest.raises(DigestMismatch):
            await services.pull("mine:v1")
        assert services.files == set()


async def test_places_are_tried_in_order_and_all_are_named(files: FakeRegistry, tmp_path: Path) -> None:
    missing = {"kind": "url", "url": f"http://{files.host}/files/blobs/none"}
    empty = tmp_path / "empty"
    empty.mkdir()
    async with services_with(tmp_path, {"kind": "folder", "path": str(empty)}, missing, url_of(files)) as services:
        events = await services.pull("mine:v1")
        assert_whole(services)
    assert [event.status for event in events if "trying" in event.status] == [
        "the folder empty has no mine:v1; trying 127.0.0.1",
        "127.0.0.1 has no mine:v1; trying 127.0.0.1",
    ]
    async with services_with(tmp_path / "empty", {"kind": "folder", "path": str(empty)}, missing) as services:
        with pytest.raises(
            RegistryNotFound, match=r"the folder empty has no file of .*; also tried 127\.0\.0\.1: there"
        ):
            await services.pull("mine:v1")


async def test_a_folder_gives_the_file_that_is_right(tmp_path: Path) -> None:
    folder = tmp_path / "weights"
    folder.mkdir()
    (folder / "a.gguf").write_bytes(bytes(len(WEIGHTS)))
    (folder / "b.gguf").write_bytes(WEIGHTS)
    (folder / "c.gguf").write_bytes(b"short")
    async with services_with(tmp_path, {"kind": "folder", "path": str(folder)}) as services:
        events = await services.pull("mine:v1")
        assert_whole(services)
    assert events[-1].status == "success"
    assert not [event for event in events if str(tmp_path) in event.status]


@pytest.mark.parametrize("name", ["", "nowhere", "a.gguf"])
async def test_a_folder_without_it_says_so(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "weights"
    folder.mkdir()
    (folder / "a.gguf").write_bytes(bytes(len(WEIGHTS)))
    async with services_with(tmp_path, {"kind": "folder", "path": str(folder / name)}) as services:
        with pytest.raises(RegistryError) as caught:
            await services.pull("mine:v1")
        assert str(tmp_path) not in caught.value.message
        assert services.files == set()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"digest": "sha256:../x"}, "digest"),
        ({"size": -1}, "size"),
        ({"names": ["a b"]}, "invalid"),
        ({"sources": [{"kind": "url", "url": "file:///etc/passwd"}]}, "no http or https address"),
        ({"sources": [{"kind": "moon"}]}, "moon"),
        ({"sources": []}, "source"),
    ],
)
def test_a_catalog_that_makes_no_sense_stops_the_start(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    path = catalog(tmp_path, {"kind": "registry"}, **changes)
    with pytest.raises(ConfigError, match=f"TAMPU_CATALOG: .*{words}"):
        open_catalog(path)


def test_a_catalog_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="TAMPU_CATALOG"):
        open_catalog(Settings.read({"TAMPU_CATALOG": str(tmp_path / "none.json")}).catalog)
