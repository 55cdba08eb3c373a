"""Pipes, sockets, devices, folders and circles of links where files are expected: no call waits, none fails unwords."""

import os
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tampu.errors import TampuError
from tampu.store.gc import open_folder, prune
from tampu.store.library import Library
from tampu.store.locks import Pins
from tampu.store.purge import find_unused, remove_unused
from tampu.store.sources import file_type, read_source
from tampu.store.verification import plan_verification
from tests.store.stored import library_in, name, put, weights

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs a system that has pipes among its files")
TEXTS = {"model": weights(), "system": b"s", "params": b"{}"}


def make_socket(path: Path) -> None:
    """A path of a socket is short, so it is made where it may be and moved."""
    with socket.socket(socket.AF_UNIX) as listener:
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            listener.bind(f"/proc/self/fd/{folder}/{path.name}")
        finally:
            os.close(folder)


def link_to_pipe(path: Path) -> None:
    os.mkfifo(path.with_name("pipe"))
    path.symlink_to("pipe")


KINDS: dict[str, Callable[[Path], object]] = {
    "pipe": os.mkfifo,
    "link to a pipe": link_to_pipe,
    "link to a device": lambda path: path.symlink_to("/dev/zero"),
    "folder": Path.mkdir,
    "circle of links": lambda path: path.symlink_to(path),
    "link to nowhere": lambda path: path.symlink_to("nowhere"),
}
if Path("/proc/self/fd").exists():
    KINDS["socket"] = make_socket


def without_waiting(work: Callable[[], object]) -> BaseException | None:
    """What the call raised; fails the test if it does not end."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001  # it is looked at by the test
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(20)
    assert not thread.is_alive(), "it waits for something that never comes"
    return raised[0] if raised else None


@pytest.fixture(params=KINDS)
def replace(request: pytest.FixtureRequest) -> Callable[[Path], None]:
    """Puts something that is no file in the place of a file."""

    def replacing(path: Path) -> None:
        path.unlink()
        KINDS[request.param](path)

    return replacing


@pytest.fixture
def library(tmp_path: Path) -> Library:
    library = library_in(tmp_path / "models")
    put(library, "other", {"system": b"other"})
    put(library, "m", TEXTS)
    return library


def calls(library: Library) -> dict[str, Callable[[], object]]:
    digest = library.read_manifest(name("other")).manifest.layers[0].digest
    return {
        "get": lambda: library.get(name("m")),
        "list": library.summaries,
        "verify": lambda: plan_verification(library),
        "find unused": lambda: find_unused(library),
        "remove unused": lambda: remove_unused(library, find_unused(library)),
        "prune": lambda: prune(library, now=time.time() + 1e9),
        "start": lambda: open_folder(library, prune_leftovers=True),
        "copy": lambda: library.copy(name("m"), name("copy")),
        "use other": lambda: library.blobs.read(digest, limit=100),
        "delete copy": lambda: library.delete(name("copy")),
        "delete": lambda: library.delete(name("m")),
        "make anew": lambda: put(library, "m", TEXTS),
        "get again": lambda: library.get(name("m")),
    }


def outcomes(library: Library) -> dict[str, BaseException]:
    """What failed, after every call was tried in a row."""
    return {what: error for what, call in calls(library).items() if (error := without_waiting(call)) is not None}


def test_in_the_place_of_a_manifest(library: Library, replace: Callable[[Path], None]) -> None:
    path = library.layout.manifest(name("m"))
    replace(path)
    failed = outcomes(library)
    assert all(isinstance(error, TampuError) for error in failed.values())
    assert "get" in failed
    assert not {"list", "verify", "prune", "start", "use other"} & set(failed)
    if not path.is_dir():
        assert not {"make anew", "get again"} & set(failed)


@pytest.mark.parametrize("kind", ["model", "system", "params", "config"])
def test_in_the_place_of_a_blob(library: Library, replace: Callable[[Path], None], kind: str) -> None:
    manifest = library.read_manifest(name("m")).manifest
    layer = next((layer for layer in manifest.layers if layer.kind == kind), manifest.config)
    path = library.layout.blob(layer.digest)
    replace(path)
    assert isinstance(without_waiting(lambda: library.header(path)), TampuError)
    assert without_waiting(lambda: file_type({"m": layer.digest}, library.blobs)) is not None
    assert isinstance(without_waiting(lambda: read_source("m", layer.digest, library.blobs)), TampuError)
    with Pins() as pins:
        assert without_waiting(lambda: pins.add(path)) is None
    (damage,) = plan_verification(library, [name("m")]).damages
    assert damage.models == ("m:latest",)
    failed = outcomes(library)
    assert all(isinstance(error, TampuError) for error in failed.values())
    assert not {"list", "verify", "find unused", "prune", "start", "copy", "delete copy", "use other"} & set(failed)
    if not path.is_dir():
        assert not {"delete", "make anew", "get again"} & set(failed)


def test_beside_the_blobs(library: Library, replace: Callable[[Path], None]) -> None:
    unused = library.blobs.path(library.blobs.put_bytes(b"unused").digest)
    replace(unused)
    replacement = unused.with_name(f"sha256-{'a' * 64}-partial")
    replacement.write_bytes(b"")
    replace(replacement) if not unused.with_name("pipe").exists() else None
    assert outcomes(library) == {}
    assert library.get(name("m")).system == "s"
