"""Pulling from a registry on loopback, well-behaved and not."""

import hashlib
import random
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from tampu.errors import (
    DigestMismatch,
    DiskFull,
    InvalidName,
    RegistryDenied,
    RegistryError,
    RegistryUnreachable,
)
from tampu.management import PurgeRequest, TransferRequest
from tampu.names import ModelName
from tampu.operations import pull as operation
from tampu.operations.purge import purge
from tampu.progress import Progress
from tampu.registry import partial, room
from tampu.upkeep import Purged
from tests.fakes import registry_server as server
from tests.fakes.pulling import PullServices, open_services
from tests.fakes.registry_server import FakeRegistry

pytestmark = pytest.mark.anyio

WEIGHTS = random.Random(7).randbytes(3_000_000)  # noqa: S311  # bytes that do not compress
DIGEST = f"sha256:{hashlib.sha256(WEIGHTS).hexdigest()}"
BLOB = DIGEST.replace(":", "-")


@pytest.fixture
async def registry() -> AsyncIterator[FakeRegistry]:
    async with FakeRegistry() as registry:
        registry.add_model("me/small:v1", ("model", WEIGHTS), ("template", b"{{ .Prompt }}"), ("params", b"{}"))
        yield registry


@pytest.fixture
async def services(tmp_path: Path) -> AsyncIterator[PullServices]:
    async with open_services(tmp_path) as services:
        yield services


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of a million bytes, so that three megabytes have several."""
    monkeypatch.setattr(partial, "SMALLEST_PART_BYTES", 1_000_000)


def statuses(events: list[Progress]) -> list[str]:
    """The statuses, each run of equal ones once."""
    found: list[str] = []
    for event in events:
        if not found or found[-1] != event.status:
            found.append(event.status)
    return found


def assert_whole(services: PullServices, registry: FakeRegistry) -> None:
    layout = services.library.layout
    assert layout.blob(DIGEST).read_bytes() == WEIGHTS
    assert not [name for name in services.files if "partial" in name]
    name = ModelName.parse(f"{registry.host}/me/small:v1")
    assert layout.manifest(name).read_bytes() == registry.manifests["me/small:v1"]


async def test_statuses_come_in_order(registry: FakeRegistry, services: PullServices) -> None:
    events = await services.pull(f"{registry.host}/me/small:v1")
    digests = [event.digest for event in events if event.digest]
    short = [f"pulling {digest[7:19]}" for digest in dict.fromkeys(digests)]
    assert statuses(events) == [
        "pulling manifest",
        *short,
        "verifying sha256 digest",
        "writing manifest",
        "success",
    ]
    assert digests[0] == DIGEST
    assert events[1] == Progress(f"pulling {DIGEST[7:19]}", DIGEST, len(WEIGHTS), 0)
    assert_whole(services, registry)


async def test_a_second_pull_reports_each_layer_once_and_fetches_none(
    registry: FakeRegistry, services: PullServices
) -> None:
    await services.pull(f"{registry.host}/me/small:v1")
    registry.asked.clear()
    events = await services.pull(f"{registry.host}/me/small:v1")
    assert [asked.kind for asked in registry.asked] == ["manifest"]
    assert [event.completed_bytes for event in events if event.digest] == [len(WEIGHTS), 13, 2, 49]


async def test_purges_all_the_while_take_nothing(registry: FakeRegistry, services: PullServices) -> None:
    async def purge_on() -> None:
        while True:
            async for _ in purge(services, PurgeRequest()):  # type: ignore[arg-type]  # the library is all that it uses
                pass

    async with anyio.create_task_group() as group:
        group.start_soon(purge_on)
        await services.pull(f"{registry.host}/me/small:v1")
        group.cancel_scope.cancel()
    assert_whole(services, registry)
    async for event in purge(services, PurgeRequest()):  # type: ignore[arg-type]  # as above
        assert event == Purged(())


async def test_a_plain_registry_that_sends_blobs_itself_works(tmp_path: Path) -> None:
    async with FakeRegistry(redirects=False, token="tok") as registry, open_services(tmp_path) as services:
        registry.add_model("me/small:v1", ("model", WEIGHTS))
        await services.pull(f"{registry.host}/me/small:v1")
        assert_whole(services, registry)


async def test_a_token_goes_to_the_registry_and_to_no_other_host(tmp_path: Path) -> None:
    async with FakeRegistry(token="tok") as registry, open_services(tmp_path) as services:
        registry.add_model("me/small:v1", ("model", WEIGHTS))
        await services.pull(f"{registry.host}/me/small:v1")
        assert_whole(services, registry)
        tokens = {(asked.host, asked.headers.get("Authorization")) for asked in registry.of_kind("part")}
        assert tokens == {(registry.other, None)}
        assert len(registry.of_kind("token")) == 1


@pytest.mark.parametrize(
    "faults",
    [
        [server.status(500, "oops")],
        [server.status(429, Retry_After="0"), server.status(503)],
        [server.truncate(1_234_567)],
        [server.truncate(1_000), server.truncate(1), server.truncate(0)],
        [server.stall(0)],
        [server.stall(700_000)],
        [server.ignore_range()],
        [server.truncate(300_000), server.ignore_range()],
        [server.wrong_range("bytes 5-9/10")],
        [server.wrong_range("")],
        [server.status(416)],
        [server.status(403, "expired")],
        [server.corrupt(123_456)],
    ],
)
@pytest.mark.parametrize("parts", [1, 3])
async def test_a_part_that_goes_wrong_is_mended(
    registry: FakeRegistry,
    services: PullServices,
    monkeypatch: pytest.MonkeyPatch,
    faults: list[server.Fault],
    parts: int,
) -> None:
    monkeypatch.setattr(partial, "SMALLEST_PART_BYTES", len(WEIGHTS) // parts)
    registry.script("part", *faults)
    events = await services.pull(f"{registry.host}/me/small:v1")
    assert events[-1].status == "success"
    assert_whole(services, registry)


async def test_a_cut_goes_on_at_the_next_byte(registry: FakeRegistry, services: PullServices) -> None:
    registry.script("part", server.truncate(2_000_000), server.truncate(500_000))
    await services.pull(f"{registry.host}/me/small:v1")
    starts = [asked.range[0] for asked in registry.of_kind("part") if asked.range and asked.path.endswith(DIGEST)]
    assert starts == [0, 2_000_000, 2_500_000]


async def test_failures_without_progress_end_the_pull_and_keep_the_partial(
    registry: FakeRegistry, services: PullServices
) -> None:
    registry.script("part", server.truncate(1_000_000), *[server.status(500)] * 8)
    with pytest.raises(RegistryUnreachable, match="max retries exceeded"):
        await services.pull(f"{registry.host}/me/small:v1")
    assert f"{BLOB}-partial" in services.files
    registry.script("part")
    registry._faults.clear()
    registry.asked.clear()
    await services.pull(f"{registry.host}/me/small:v1")
    assert_whole(services, registry)
    first = registry.of_kind("part")[0]
    assert first.range == (1_000_000, len(WEIGHTS) - 1)
    assert [asked.kind for asked in registry.asked[:3]] == ["manifest", "locate", "part"]


async def test_lasting_corruption_is_refused_and_nothing_kept(registry: FakeRegistry, services: PullServices) -> None:
    registry.script("part", *[server.corrupt(5)] * 4)
    events: list[Progress] = []
    request = TransferRequest(model=f"{registry.host}/me/small:v1", insecure=True)

    async def collect() -> None:
        async for event in operation.pull(services, request):
            events.append(event)  # what came before the error is wanted, too

    with pytest.raises(DigestMismatch, match=f"digest mismatch, file must be downloaded again: want {DIGEST}, got "):
        await collect()
    assert events[-1].status == "verifying sha256 digest"
    assert services.files == set()
    assert services.library.names() == []


async def test_one_bad_part_is_fetched_again_rather_than_the_whole(
    registry: FakeRegistry, services: PullServices, small_parts: None
) -> None:
    async def corrupt_the_first(content: server.Content) -> object:
        return await (server.corrupt(77) if content.span[0] == 0 else server.well())(content)

    registry.script("part", *[corrupt_the_first] * 3)  # type: ignore[list-item]
    await services.pull(f"{registry.host}/me/small:v1")
    assert_whole(services, registry)
    ranges = [asked.range for asked in registry.of_kind("part") if asked.path.endswith(DIGEST)]
    assert sorted(start for start, _ in filter(None, ranges)) == [0, 0, 1_000_000, 2_000_000]


async def test_two_clients_share_one_download(registry: FakeRegistry, services: PullServices) -> None:
    registry.gate = anyio.Event()
    ends: list[list[Progress]] = []

    async def client() -> None:
        ends.append(await services.pull(f"{registry.host}/me/small:v1"))

    async with anyio.create_task_group() as group:
        group.start_soon(client)
        group.start_soon(client)
        while len(registry.of_kind("manifest")) < 2 or not registry.of_kind("part"):
            await anyio.sleep(0.01)
        registry.gate.set()
    assert [events[-1].status for events in ends] == ["success", "success"]
    paths = [asked.path for asked in registry.of_kind("part")]
    assert len(paths) == len(set(paths))


async def test_the_last_client_to_leave_cancels_and_the_partial_stays(
    registry: FakeRegistry, services: PullServices
) -> None:
    registry.script("part", server.stall(1_000_000))
    request = TransferRequest(model=f"{registry.host}/me/small:v1", insecure=True)
    stream = operation.pull(services, request)
    async for event in stream:
        if (event.completed_bytes or 0) > 0:
            break
    await stream.aclose()
    assert f"{BLOB}-partial" in services.files
    registry.asked.clear()
    await services.pull(f"{registry.host}/me/small:v1")
    assert_whole(services, registry)
    first = registry.of_kind("part")[0].range
    assert first is not None
    assert first[0] > 0


async def test_one_client_leaving_does_not_stop_the_other(registry: FakeRegistry, services: PullServices) -> None:
    registry.gate = anyio.Event()
    request = TransferRequest(model=f"{registry.host}/me/small:v1", insecure=True)
    leaving, staying = operation.pull(services, request), operation.pull(services, request)
    for stream in (leaving, staying):
        assert (await anext(stream)).status == "pulling manifest"
        assert (await anext(stream)).digest == DIGEST
    await leaving.aclose()
    registry.gate.set()
    events = [event async for event in staying]
    assert events[-1].status == "success"
    assert_whole(services, registry)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (server.status(404), "pull model manifest: file does not exist"),
        (server.status(429, "too many requests"), "pull model manifest: 429: too many requests"),
        (server.status(500), "pull model manifest: 500: "),
        (
            server.status(412, '{"error": "newer version needed"}'),
            'pull model manifest: 412: {"error": "newer version needed"}',
        ),
    ],
)
async def test_manifest_errors_in_the_words_that_clients_know(
    registry: FakeRegistry, services: PullServices, fault: server.Fault, message: str
) -> None:
    registry.script("manifest", fault)
    with pytest.raises(RegistryError) as caught:
        await services.pull(f"{registry.host}/me/small:v1")
    assert caught.value.message == message


@pytest.mark.parametrize("code", [403, 500])
async def test_an_error_at_the_blob_has_no_prefix(registry: FakeRegistry, services: PullServices, code: int) -> None:
    registry.script("head", server.status(code))
    with pytest.raises(RegistryError) as caught:
        await services.pull(f"{registry.host}/me/small:v1")
    assert caught.value.message == f"{code}: "
    assert services.files == set()


async def test_a_registry_that_is_not_there(services: PullServices) -> None:
    with pytest.raises(RegistryUnreachable) as caught:
        await services.pull("127.0.0.1:9/me/small")
    url = "http://127.0.0.1:9/v2/me/small/manifests/latest"
    assert caught.value.message == (
        f'pull model manifest: Get "{url}": dial tcp 127.0.0.1:9: connect: connection refused'
    )


async def test_without_the_insecure_flag_only_tls_will_do(registry: FakeRegistry, services: PullServices) -> None:
    with pytest.raises(RegistryUnreachable, match="tls: first record does not look like a TLS handshake"):
        await services.pull(f"http://{registry.host}/me/small:v1", insecure=False)


@pytest.mark.parametrize("name", ["", "a/b/c/d/e", "a b", "127.0.0.1:99999:1/a/b"])
async def test_a_bad_name_is_refused_before_the_first_status(services: PullServices, name: str) -> None:
    with pytest.raises(InvalidName):
        await anext(operation.pull(services, TransferRequest(model=name)))


@pytest.mark.parametrize("body", ["{}", '{"schemaVersion": 2, "layers": []}', '{"layers": null}'])
async def test_a_manifest_without_layers_is_stored(registry: FakeRegistry, services: PullServices, body: str) -> None:
    registry.manifests["me/small:v1"] = body.encode()
    events = await services.pull(f"{registry.host}/me/small:v1")
    assert statuses(events) == ["pulling manifest", "verifying sha256 digest", "writing manifest", "success"]


async def test_an_updated_model_loses_its_old_layers(registry: FakeRegistry, services: PullServices) -> None:
    await services.pull(f"{registry.host}/me/small:v1")
    registry.add_model("me/small:v1", ("model", b"other weights"))
    events = await services.pull(f"{registry.host}/me/small:v1")
    assert statuses(events)[-3:] == ["writing manifest", "removing unused layers", "success"]
    assert BLOB not in services.files


async def test_a_full_disk_is_said_before_a_byte_is_fetched(
    registry: FakeRegistry, services: PullServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "_SPARE_BYTES", 1 << 60)
    with pytest.raises(DiskFull, match="no space left"):
        await services.pull(f"{registry.host}/me/small:v1")
    assert registry.of_kind("part") == []
    assert services.files == set()


async def test_a_disk_that_fills_up_leaves_a_partial_to_go_on_with(
    registry: FakeRegistry, services: PullServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = partial.PartialBlob.overwrite

    def overwrite(blob: partial.PartialBlob, position: int, data: bytes) -> None:
        if position >= 1_500_000:
            with partial.store_faults("downloading a model"):
                raise OSError(28, "No space left on device")
        real(blob, position, data)

    with monkeypatch.context() as patch:
        patch.setattr(partial.PartialBlob, "overwrite", overwrite)
        with pytest.raises(DiskFull):
            await services.pull(f"{registry.host}/me/small:v1")
    assert f"{BLOB}-partial" in services.files
    registry.asked.clear()
    await services.pull(f"{registry.host}/me/small:v1")
    assert_whole(services, registry)
    first = registry.of_kind("part")[0].range
    assert first is not None
    assert first[0] > 1_000_000


async def test_an_empty_layer_and_two_layers_with_the_same_content(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, open_services(tmp_path) as services:
        registry.add_model("me/small:v1", ("model", WEIGHTS), ("system", b""), ("license", b"L"), ("license", b"L"))
        events = await services.pull(f"{registry.host}/me/small:v1")
        assert events[-1].status == "success"
        assert len(services.files) == 4


async def test_a_server_without_ranges_is_read_once(registry: FakeRegistry, services: PullServices) -> None:
    registry.script("part", server.ignore_range())
    await services.pull(f"{registry.host}/me/small:v1")
    assert registry.of_kind("whole") == []
    assert_whole(services, registry)


async def test_a_cut_blob_in_the_store_is_fetched_anew(registry: FakeRegistry, services: PullServices) -> None:
    await services.pull(f"{registry.host}/me/small:v1")
    services.library.layout.blob(DIGEST).write_bytes(WEIGHTS[:1000])
    await services.pull(f"{registry.host}/me/small:v1")
    assert_whole(services, registry)


async def test_a_partial_of_ollama_is_gone_on_with(registry: FakeRegistry, services: PullServices) -> None:
    path = services.library.layout.blob(DIGEST)
    path.parent.mkdir(parents=True)
    path.with_name(f"{BLOB}-partial").write_bytes(WEIGHTS[:2_000_000].ljust(len(WEIGHTS), b"\0"))
    states = [(0, 0, 1_500_000, 1_500_000), (1, 1_500_000, 1_500_000, 500_000)]
    for number, offset, size, completed in states:
        text = f'{{"N":{number},"Offset":{offset},"Size":{size},"Completed":{completed}}}\n'
        path.with_name(f"{BLOB}-partial-{number}").write_text(text)
    await services.pull(f"{registry.host}/me/small:v1")
    assert_whole(services, registry)
    assert registry.of_kind("part")[0].range == (2_000_000, len(WEIGHTS) - 1)


@pytest.mark.parametrize("state", ["", "no json", '{"N":0}', '{"N":0,"Offset":0,"Size":5,"Completed":9}', "\xff"])
async def test_a_damaged_state_costs_the_partial_and_not_the_pull(
    registry: FakeRegistry, services: PullServices, state: str
) -> None:
    path = services.library.layout.blob(DIGEST)
    path.parent.mkdir(parents=True)
    path.with_name(f"{BLOB}-partial").write_bytes(b"x" * len(WEIGHTS))
    path.with_name(f"{BLOB}-partial-0").write_text(state, encoding="latin-1")
    await services.pull(f"{registry.host}/me/small:v1")
    assert_whole(services, registry)


async def test_a_lying_state_is_found_out_by_the_digest(registry: FakeRegistry, services: PullServices) -> None:
    path = services.library.layout.blob(DIGEST)
    path.parent.mkdir(parents=True)
    path.with_name(f"{BLOB}-partial").write_bytes(b"x" * len(WEIGHTS))
    state = f'{{"N":0,"Offset":0,"Size":{len(WEIGHTS)},"Completed":2000000}}\n'
    path.with_name(f"{BLOB}-partial-0").write_text(state)
    await services.pull(f"{registry.host}/me/small:v1")
    assert_whole(services, registry)


async def test_two_processes_do_not_write_into_one_partial(registry: FakeRegistry, services: PullServices) -> None:
    held = partial.PartialBlob.open(services.library.layout.blob(DIGEST), len(WEIGHTS))
    async with anyio.create_task_group() as group:
        group.start_soon(services.pull, f"{registry.host}/me/small:v1")
        while not registry.of_kind("manifest"):
            await anyio.sleep(0.01)
        assert registry.of_kind("head") == []
        held.discard()
        held.close()
    assert_whole(services, registry)


async def test_a_proxy_of_the_settings_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with FakeRegistry(redirects=False) as proxy, open_services(tmp_path) as services:
        proxy.add_model("me/small:v1", ("model", WEIGHTS))
        monkeypatch.setenv("http_proxy", f"http://user:secret@{proxy.host}")
        monkeypatch.setenv("no_proxy", "")
        await services.pull("registry.example/me/small:v1")
        assert {asked.host for asked in proxy.asked} == {"registry.example"}
        assert proxy.asked[0].headers["Proxy-Authorization"].startswith("Basic ")
        proxy.script("manifest", server.redirect("http://10.0.0.1/x"))
        with pytest.raises(RegistryDenied):
            await services.pull("registry.example/me/small:v1")
