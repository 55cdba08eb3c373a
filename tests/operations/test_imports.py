"""Models of the folders in TAMPU_IMPORT: found, kept up to date, told when they are gone, never made twice."""

import os
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tampu.config import Settings
from tampu.errors import CorruptBlob
from tampu.management import CopyRequest, CreateRequest, DeleteRequest
from tampu.names import ModelName
from tampu.operations.catalog import copy_model, delete_model, list_models
from tampu.operations.create import create
from tampu.operations.imports import Imports
from tampu.operations.services import Services, open_services
from tests.models import scripted_model, truncated

pytestmark = pytest.mark.anyio

RED, BLUE = scripted_model([" red"]), scripted_model([" blue", " sky"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (folder := tmp_path / "elsewhere").mkdir()
    return folder


@pytest.fixture
async def services(tmp_path: Path, folder: Path) -> AsyncIterator[Services]:
    settings = Settings(
        models_folder=tmp_path / "home/models",
        home=tmp_path / "home",
        import_folders=(folder, tmp_path / "nowhere"),
    )
    async with open_services(settings) as services:
        services.library._recheck_s = 0.0  # what changes on the disk is to be seen at once
        yield services


async def names(services: Services) -> list[str]:
    return sorted(model.name for model in await list_models(services))


async def weights(services: Services, name: str) -> bytes:
    return (await services.library.find(ModelName.parse(name))).weights[0].read_bytes()


async def test_what_lies_there_is_a_model(services: Services, folder: Path) -> None:
    hub = folder / "hub/models--Some--Tiny-GGUF"
    for path in (hub / "blobs", hub / "snapshots/1", folder / "runner/Blue Sky"):
        path.mkdir(parents=True)
    shutil.copy(RED, hub / "blobs/0123")
    (hub / "snapshots/1/tiny-Q4_0.gguf").symlink_to("../../blobs/0123")
    shutil.copy(BLUE, folder / "runner/Blue Sky/model.gguf")
    (folder / "runner/circle").symlink_to(folder)
    (folder / "notes.gguf").write_text("no weights")
    await Imports(services).look()
    assert await names(services) == ["blue-sky:latest", "hf.co/Some/Tiny-GGUF:Q4_0"]
    assert await weights(services, "hf.co/some/tiny-gguf:q4_0") == RED.read_bytes()
    blobs = [path for path in services.library.layout.blobs.iterdir() if path.stat().st_size > 1000]
    assert all(path.is_symlink() or path.stat().st_nlink > 1 for path in blobs)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names of files are text")
async def test_a_name_that_is_no_text_is_as_good_as_any(services: Services, folder: Path) -> None:
    shutil.copy(RED, folder / os.fsdecode(b"red-\xe9.gguf"))
    shutil.copy(BLUE, folder / "sky.gguf")
    await Imports(services).look()
    assert await names(services) == ["red:latest", "sky:latest"]
    await Imports(services).look()
    assert await names(services) == ["red:latest", "sky:latest"]


async def test_a_removed_model_stays_away_until_its_file_changes(services: Services, folder: Path) -> None:
    shutil.copy(RED, folder / "m.gguf")
    await Imports(services).look()
    await delete_model(services, DeleteRequest("m"))
    assert (folder / "m.gguf").read_bytes() == RED.read_bytes()
    await Imports(services).look()
    assert await names(services) == []
    replace(folder / "m.gguf", BLUE)
    await Imports(services).look()
    assert await weights(services, "m") == BLUE.read_bytes()


async def test_a_changed_file_is_the_same_model_anew(services: Services, folder: Path) -> None:
    shutil.copy(RED, folder / "m.gguf")
    imports = Imports(services)
    await imports.look()
    replace(folder / "m.gguf", BLUE)
    await imports.look()
    assert await names(services) == ["m:latest"]
    assert await weights(services, "m") == BLUE.read_bytes()


async def test_a_name_that_means_something_else_is_left_alone(services: Services, folder: Path) -> None:
    shutil.copy(RED, folder / "m.gguf")
    imports = Imports(services)
    await imports.look()
    async for _ in create(services, CreateRequest(model="m", base="m", system="mine")):
        pass
    mine = (await services.library.find(ModelName.parse("m"))).digest
    replace(folder / "m.gguf", BLUE)
    await imports.look()
    assert len(await names(services)) == 2
    assert (await services.library.find(ModelName.parse("m"))).digest == mine
    await imports.look()
    assert len(await names(services)) == 2


async def test_what_is_imported_already_is_no_second_model(services: Services, folder: Path) -> None:
    shutil.copy(RED, folder / "m.gguf")
    await Imports(services).look()
    (services.settings.home / "tampu-imported.json").write_text("damaged")
    await Imports(services).look()
    assert await names(services) == ["m:latest"]


async def test_a_broken_file_is_told_once_and_taken_once_it_is_whole(
    services: Services, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copy(truncated(RED), folder / "m.gguf")
    imports = Imports(services)
    for _ in range(3):
        await imports.look()
    assert [record.message for record in caplog.records].count("a file cannot be imported") == 1
    assert await names(services) == []
    replace(folder / "m.gguf", RED)
    await imports.look()
    assert await names(services) == ["m:latest"]


async def test_a_file_that_is_gone_is_told(services: Services, folder: Path) -> None:
    shutil.copy(RED, folder / "m.gguf")
    await Imports(services).look()
    point_at(services, folder / "m.gguf")
    (folder / "m.gguf").unlink()
    with pytest.raises(CorruptBlob, match=r"m\.gguf is not where it was imported from"):
        await services.library.find(ModelName.parse("m"))
    with pytest.raises(CorruptBlob, match=r"m\.gguf is not where"):
        async for _ in create(services, CreateRequest(model="child", base="m")):
            pass
    assert await names(services) == ["m:latest"]
    await copy_model(services, CopyRequest("m", "n"))
    for name in ("m", "n"):
        await delete_model(services, DeleteRequest(name))
    assert await names(services) == []


async def test_a_file_that_was_changed_in_place_is_told(services: Services, folder: Path) -> None:
    shutil.copy(RED, folder / "m.gguf")
    imports = Imports(services)
    await imports.look()
    point_at(services, folder / "m.gguf")
    (folder / "m.gguf").write_bytes(BLUE.read_bytes())
    with pytest.raises(CorruptBlob, match="was changed after it was imported"):
        await services.library.find(ModelName.parse("m"))
    await imports.look()
    assert await weights(services, "m") == BLUE.read_bytes()


def replace(path: Path, source: Path) -> None:
    """As programs do that write a file anew: under another name first."""
    shutil.copy(source, path.with_suffix(".part"))
    path.with_suffix(".part").replace(path)


def point_at(services: Services, path: Path) -> None:
    """Make the blob a symbolic link to the file, which it is where the file lies on another file system."""
    (blob,) = [blob for blob in services.library.layout.blobs.iterdir() if blob.samefile(path)]
    blob.unlink()
    blob.symlink_to(path)
