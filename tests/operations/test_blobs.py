import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from tampu.errors import BadRequest
from tampu.operations.blobs import has_blob, receive_blob
from tests.operations.store_steps import StoreServices, filled, model_file, pieces, run_step, services_in
from tests.recordings import recording

pytestmark = pytest.mark.anyio


@pytest.fixture
def services(tmp_path: Path) -> StoreServices:
    return services_in(tmp_path)


async def never(*_: object) -> AsyncIterator[bytes]:
    raise AssertionError("the body was read")
    yield b""


async def test_recorded_exchanges(services: StoreServices) -> None:
    played = 0
    for step in recording("store/blobs.json")["steps"]:
        upload = model_file(step["blob"]) if "blob" in step else step.get("text", "").encode()
        got = await run_step(services, step["method"], filled(step["path"]), None, upload)
        if got is None:
            continue
        played += 1
        wanted = step["response"]
        assert (step["name"], got.status) == (step["name"], wanted["status"])
        if isinstance(wanted.get("body"), dict) and "error" in wanted["body"]:
            assert got.body == wanted["body"]
    assert played == 28


async def test_a_stored_blob_is_not_read_again(services: StoreServices) -> None:
    digest = f"sha256:{hashlib.sha256(b'x').hexdigest()}"
    assert not await has_blob(services, digest)
    assert await receive_blob(services, digest, pieces(b"x"))
    assert await has_blob(services, digest)
    assert not await receive_blob(services, digest, never())


async def test_a_lost_client_leaves_nothing(services: StoreServices) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"x" * 2_000_000
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await receive_blob(services, f"sha256:{'0' * 64}", broken())
    assert list(services.library.layout.blobs.iterdir()) == []


async def test_many_uploads_of_one_blob_at_once(services: StoreServices) -> None:
    content = b"same" * 500_000
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"

    async with anyio.create_task_group() as group:
        for _ in range(8):
            group.start_soon(receive_blob, services, digest, pieces(content))
    assert [path.read_bytes() for path in services.library.layout.blobs.iterdir()] == [content]


async def test_a_malformed_digest_is_refused_before_the_body(services: StoreServices) -> None:
    with pytest.raises(BadRequest, match="invalid digest format"):
        await receive_blob(services, "sha256:../../x", never())
