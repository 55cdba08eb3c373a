"""Every way in which an upload goes wrong: the blob arrives whole, or a clear error says why it cannot."""

import random
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from tampu.errors import BlobNotFound, CorruptBlob, RegistryDenied, RegistryError, RegistryUnreachable
from tampu.names import ModelName
from tampu.progress import SUCCESS
from tampu.registry import sending, upload_plan
from tests.fakes import upload_registry as server
from tests.fakes.pushing import PushServices, open_services
from tests.fakes.upload_registry import UploadRegistry

pytestmark = pytest.mark.anyio

PART = 2_000_000
CONTENT = random.Random(4).randbytes(3 * PART + 12_345)  # noqa: S311  # bytes that do not compress


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts are a hundred megabytes at least; cuts between and in them look the same with small ones."""
    monkeypatch.setattr(upload_plan, "_SMALLEST_PART", PART)


@pytest.fixture
async def registry() -> AsyncIterator[UploadRegistry]:
    async with UploadRegistry() as registry:
        yield registry


@pytest.fixture
async def services(tmp_path: Path) -> AsyncIterator[PushServices]:
    async with open_services(tmp_path) as services:
        yield services


async def push(services: PushServices, registry: UploadRegistry, *contents: bytes, parent: str = "") -> None:
    """Push a model of one large layer: everything arrives, and nothing is left in the journal."""
    name = f"{registry.host}/me/large:v1"
    manifest = services.store(name, *(contents or (CONTENT,)), parent=parent)
    events = await services.push(name)
    assert events[-1] == SUCCESS
    completed = [each.completed_bytes or 0 for each in events if each.digest == manifest.layers[0].digest]
    assert completed[-1] == len((contents or (CONTENT,))[0])
    assert set(registry.blobs) >= {layer.digest for layer in manifest.layers}
    assert registry.manifests["/v2/me/large/manifests/v1"] == services.library.manifests.read_bytes(
        ModelName.parse(name)
    )
    assert not unfinished(services)


def unfinished(services: PushServices) -> list[Path]:
    return list((services.library.layout.root.parent / "uploads").glob("*"))


async def test_parts_in_order(services: PushServices, registry: UploadRegistry) -> None:
    await push(services, registry)
    ranges = [asked.headers["Content-Range"] for asked in registry.of_kind("part")]
    assert ranges[:4] == ["0-1999999", "2000000-3999999", "4000000-5999999", "6000000-6012344"]
    assert not registry.of_kind("status")


async def test_an_empty_blob(services: PushServices, registry: UploadRegistry) -> None:
    await push(services, registry, b"")


@pytest.mark.parametrize("keep", [1, PART // 2, PART])
async def test_a_cut_part_goes_on_where_it_was_cut(services: PushServices, registry: UploadRegistry, keep: int) -> None:
    registry.script("part", server.well(), server.cut(keep))
    await push(services, registry)
    assert len(registry.of_kind("status")) == 1
    assert registry.bytes_received <= len(CONTENT) + 100


async def test_a_stalled_part_goes_on(services: PushServices, registry: UploadRegistry) -> None:
    registry.script("part", server.stall(1000))
    await push(services, registry)
    assert len(registry.of_kind("status")) == 1


async def test_a_part_that_is_not_taken_goes_on(
    services: PushServices, registry: UploadRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload_plan, "_SMALLEST_PART", 100_000_000)
    registry.script("part", server.stall(1000))
    await push(services, registry, CONTENT * 6)  # more than the buffers on the way hold
    assert len(registry.of_kind("status")) == 1


async def test_cut_after_cut_ends_if_each_brings_something(services: PushServices, registry: UploadRegistry) -> None:
    registry.script("part", *(server.cut(200_000) for _ in range(10)))
    await push(services, registry)
    assert registry.bytes_received <= len(CONTENT) + 100


async def test_a_part_of_which_nothing_is_taken_goes_on(
    services: PushServices, registry: UploadRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even the first piece, which is larger here than the buffers on the way."""
    monkeypatch.setattr(upload_plan, "_SMALLEST_PART", 100_000_000)
    monkeypatch.setattr(sending, "_PIECE_BYTES", 64 << 20)
    registry.script("part", server.stall(1000))
    await push(services, registry, CONTENT * 6)
    assert registry.of_kind("status")  # once, and again where this machine is slow


@pytest.mark.parametrize("kind", ["head", "begin", "manifest"])
async def test_a_busy_registry_is_asked_again(services: PushServices, registry: UploadRegistry, kind: str) -> None:
    registry.script(kind, server.status(429, Retry_After="0"), server.status(503, Retry_After="0"))
    await push(services, registry)


async def test_an_upload_that_was_forgotten_begins_anew(services: PushServices, registry: UploadRegistry) -> None:
    registry.script("part", server.well(), server.cut(10))
    registry.script("status", server.forget())
    await push(services, registry)
    assert len(registry.of_kind("begin")) == 3  # the layer twice, the config


async def test_a_registry_that_is_away_for_a_while(services: PushServices, registry: UploadRegistry) -> None:
    registry.script("part", server.well(), server.cut(PART // 2))
    registry.script("status", server.status(503), server.status(429, Retry_After="0"))
    await push(services, registry)
    assert registry.bytes_received <= len(CONTENT) + 100


@pytest.mark.parametrize("code", [500, 503, 408, 429])
async def test_a_refusal_that_passes(services: PushServices, registry: UploadRegistry, code: int) -> None:
    registry.script("part", server.status(code), server.status(code))
    await push(services, registry)


async def test_an_answer_that_was_lost_at_the_end(services: PushServices, registry: UploadRegistry) -> None:
    registry.script("end", server.hang_up_after())
    await push(services, registry)
    assert registry.bytes_received <= len(CONTENT) + 100  # what is there is not sent again


async def test_an_answer_that_was_lost_after_a_part(services: PushServices, registry: UploadRegistry) -> None:
    registry.script("part", server.hang_up_after())
    await push(services, registry)
    assert registry.bytes_received <= len(CONTENT) + 100


async def test_parts_go_elsewhere_without_the_user(services: PushServices, tmp_path: Path) -> None:
    async with UploadRegistry(redirects=True) as registry:
        registry.script("place", server.status(403, "expired"), server.status(500), server.well())
        await push(services, registry)
        assert {asked.host for asked in registry.of_kind("place")} == {registry.other}
        assert not [asked for asked in registry.of_kind("place") if "Authorization" in asked.headers]


async def test_a_place_that_hangs_up(services: PushServices) -> None:
    async with UploadRegistry(redirects=True) as registry:
        registry.script("place", server.well(), server.hang_up(), server.hang_up_after(), server.hang_up())
        await push(services, registry)


async def test_rights_that_are_missing_are_told_at_once(services: PushServices, registry: UploadRegistry) -> None:
    registry.script("part", server.status(403, "no right to write here"))
    with pytest.raises(RegistryError, match="403: no right to write here"):
        await push(services, registry)
    assert len(registry.of_kind("part")) == 1
    assert not registry.of_kind("manifest")


async def test_a_registry_that_never_comes_back(services: PushServices, registry: UploadRegistry) -> None:
    registry.script("part", *(server.status(500, "oops") for _ in range(20)))
    with pytest.raises(RegistryUnreachable, match="max retries exceeded: 500: oops"):
        await push(services, registry)
    assert unfinished(services)


async def test_an_address_inside_the_network_is_not_uploaded_to(
    services: PushServices, registry: UploadRegistry
) -> None:
    registry.script("begin", server.status(202, Location="http://169.254.169.254/latest"))
    with pytest.raises(RegistryDenied, match=r"169\.254\.169\.254"):
        await push(services, registry)


async def test_the_address_of_an_upload_is_kept_secret(services: PushServices, registry: UploadRegistry) -> None:
    registry.script("part", *(server.hang_up() for _ in range(20)))
    registry.script("status", *(server.hang_up() for _ in range(40)))
    with pytest.raises(RegistryUnreachable, match='/uploads/1"') as caught:
        await push(services, registry)
    assert "size=1" not in caught.value.message


async def test_a_home_that_cannot_be_written_stops_no_push(services: PushServices, registry: UploadRegistry) -> None:
    folder = services.library.layout.root.parent / "uploads"
    folder.write_text("in the way")
    name = f"{registry.host}/me/large:v1"
    services.store(name, CONTENT)
    assert (await services.push(name))[-1] == SUCCESS


async def test_progress_never_goes_back_without_a_reason(services: PushServices, registry: UploadRegistry) -> None:
    await push(services, registry, CONTENT * 4)
    completed = [each.completed_bytes or 0 for each in services.seen if each.total_bytes == len(CONTENT) * 4]
    assert completed == sorted(completed)


async def test_bytes_that_rotted_are_told(services: PushServices, registry: UploadRegistry) -> None:
    name = f"{registry.host}/me/large:v1"
    manifest = services.store(name, CONTENT)
    services.library.blobs.path(manifest.layers[0].digest).write_bytes(bytes(len(CONTENT)))
    with pytest.raises(CorruptBlob, match=f"blob {manifest.layers[0].digest} is damaged"):
        await services.push(name)


async def test_a_blob_that_is_nowhere(services: PushServices, registry: UploadRegistry) -> None:
    name = f"{registry.host}/me/large:v1"
    manifest = services.store(name, CONTENT)
    services.library.blobs.path(manifest.layers[0].digest).unlink()
    with pytest.raises(BlobNotFound):
        await services.push(name)


async def test_a_client_that_leaves_and_comes_back(tmp_path: Path, registry: UploadRegistry) -> None:
    """Also after the server was started anew: what the registry has is not sent again."""
    name = f"{registry.host}/me/large:v1"
    registry.script("part", server.well(), server.stall(PART // 2))
    async with open_services(tmp_path) as services:
        services.store(name, CONTENT)
        async with anyio.create_task_group() as group:
            group.start_soon(services.push, name)
            while registry.bytes_received < PART + PART // 2:
                await anyio.sleep(0.01)
            group.cancel_scope.cancel()
        assert unfinished(services)
        assert (unfinished(services)[0].stat().st_mode & 0o777) == 0o600
    async with open_services(tmp_path) as services:
        await push(services, registry)
    assert registry.bytes_received <= len(CONTENT) + 100
    assert [asked.kind for asked in registry.asked].count("begin") == 2  # the layer once, the config


async def test_two_clients_send_once(services: PushServices, registry: UploadRegistry) -> None:
    name = f"{registry.host}/me/large:v1"
    services.store(name, CONTENT)
    async with anyio.create_task_group() as group:
        group.start_soon(services.push, name)
        group.start_soon(services.push, name)
    assert registry.bytes_received <= len(CONTENT) + 100


async def test_a_mount_is_asked_for_and_may_be_refused(services: PushServices, registry: UploadRegistry) -> None:
    registry.script("begin", server.status(201))
    services.store("a", CONTENT)
    name = f"{registry.host}/me/large:v1"
    manifest = services.store(name, CONTENT, parent="you/base:v1")
    await services.push(name)
    assert "from=you%2Fbase&mount=sha256%3A" in registry.of_kind("begin")[0].path
    assert not [each for each in registry.of_kind("part") if each.received > 100]
    await services.push(name)  # the registry has lost it: it is not taken for sent
    assert manifest.layers[0].digest in registry.blobs
