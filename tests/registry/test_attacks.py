"""What a hostile registry tries: each attempt is refused in words and in time, and nothing outside is touched."""

import gzip
import json
import resource
from collections.abc import AsyncIterator
from ipaddress import ip_address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from tampu.errors import RegistryDenied, RegistryError, RegistryUnreachable
from tampu.registry.addresses import AddressPolicy, GuardedResolver, is_public, literal_address
from tampu.registry.token import Challenge
from tampu.registry.transport import headers_for
from tests.fakes import registry_server as server
from tests.fakes.pulling import PullServices, open_services
from tests.fakes.registry_server import FakeRegistry
from tests.fakes.watching import watching

pytestmark = pytest.mark.anyio

NO_NAMES = {"a..b", f"{'a' * 64}.example"}
INSIDE = [
    "0177.0.0.1",
    "0300.0250.0.1",
    "0xa9fea9fe",
    "127.0.0.1.",
    "[::127.0.0.1]",
    "[::ffff:7f00:1]",
    "64:ff9b:1::a00:1",
    "2001:0:4136:e378:8000:63bf:f5ff:fffe",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "198.18.0.1",
    "0.0.0.0",
    "0",
    "127.1",
    "2130706433",
    "0x7f.1",
    "[::]",
    "[::1]",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
    "fe80::1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.0.1",
    "169.254.169.254",
    "100.100.100.200",
    "fd00:ec2::254",
    "224.0.0.1",
    "255.255.255.255",
]


@pytest.fixture
async def registry() -> AsyncIterator[FakeRegistry]:
    async with FakeRegistry() as registry:
        registry.add_model("me/small:v1", ("model", b"weights"))
        yield registry


@pytest.fixture
async def services(tmp_path: Path, registry: FakeRegistry) -> AsyncIterator[PullServices]:
    """Pulling, watched: whatever is tried, only the registry is dialled and only the models folder written."""
    with watching() as watch:
        async with open_services(tmp_path) as services:
            yield services
    assert watch.dialled <= {("127.0.0.1", registry.port), ("::1", registry.port)}
    assert watch.looked_up <= {"localhost", *NO_NAMES}
    assert {path for path in watch.written if not path.is_relative_to(services.library.layout.root)} == set()
    assert Path("/etc/passwd") not in watch.read


@pytest.mark.parametrize("host", INSIDE)
def test_an_address_inside_the_network_must_be_named(host: str) -> None:
    with pytest.raises(RegistryDenied):
        AddressPolicy("registry.example").check_host(host)
    AddressPolicy(host).check_host(host)
    literal = literal_address(host)
    assert literal is not None
    assert not AddressPolicy("registry.example").permitted("innocent.example", 443, [str(literal)])


@pytest.mark.parametrize("host", ["1.1.1.1", "2606:4700::1111", "::ffff:1.1.1.1"])
def test_public_addresses_pass(host: str) -> None:
    AddressPolicy("registry.example").check_host(host)


@given(st.ip_addresses(v=4))
def test_wrapping_an_address_changes_nothing(address: object) -> None:
    assert is_public(ip_address(f"::ffff:{address}")) == is_public(ip_address(str(address)))


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST.", "a.localhost", "metadata.google.internal", "nas.local", "intranet", "x.home.arpa"],
)
def test_a_name_of_the_inside_must_be_named(host: str) -> None:
    """A proxy would resolve it, so it must not come to that."""
    with pytest.raises(RegistryDenied):
        AddressPolicy("registry.example").check_host(host)
    AddressPolicy(host).check_host(host)


def test_a_name_that_was_public_does_not_turn_inward() -> None:
    policy = AddressPolicy("evil.example")
    assert policy.permitted("evil.example", 443, ["1.1.1.1", "10.0.0.1"]) == ["1.1.1.1"]
    for inside in ("127.0.0.1", "10.0.0.1", "::1", "fd00::1", "100.64.0.1"):
        assert policy.permitted("evil.example", 443, [inside]) == []
    assert policy.permitted("Evil.Example.", 443, ["1.0.0.1"]) == ["1.0.0.1"]


def test_a_named_name_may_be_private_but_never_where_clouds_keep_secrets() -> None:
    for inside in ("127.0.0.1", "10.0.0.1", "100.64.0.1", "fd00::1"):
        assert AddressPolicy("nas.example").permitted("nas.example", 80, [inside]) == [inside]
        assert AddressPolicy("nas.example").permitted("other.example", 80, [inside]) == []
    for secret in ("169.254.169.254", "fe80::1%2", "100.100.100.200", "fd00:ec2::254", "0.0.0.0", "224.0.0.1"):
        assert AddressPolicy("nas.example").permitted("nas.example", 80, [secret]) == []


@pytest.mark.parametrize("name", ["printer.local", "nas"])
def test_a_name_of_this_network_may_mean_a_machine_on_the_same_cable(name: str) -> None:
    assert AddressPolicy(name).permitted(name, 80, ["169.254.7.7", "fe80::7"]) == ["169.254.7.7", "fe80::7"]
    assert AddressPolicy(name).permitted("other.local", 80, ["169.254.7.7"]) == []
    for secret in ("169.254.169.254", "169.254.170.2", "::ffff:169.254.169.254", "fe80::a9fe:a9fe"):
        assert AddressPolicy(name).permitted(name, 80, [secret]) == []


def test_redirects_into_the_network_can_be_allowed() -> None:
    policy = AddressPolicy("registry.example", allows_lan=True)
    policy.check_host("192.168.1.5")
    policy.check_host("files.local")
    assert policy.permitted("files.local", 80, ["10.0.0.1", "127.0.0.1", "169.254.1.1"]) == ["10.0.0.1"]
    for host in ("127.0.0.1", "localhost", "169.254.169.254", "100.100.100.200", "[fd00:ec2::254]", "0"):
        with pytest.raises(RegistryDenied):
            policy.check_host(host)


def test_a_proxy_may_be_dialled_at_its_port_only() -> None:
    policy = AddressPolicy("registry.example")
    policy.trust_proxy("proxy.corp.example", 3128)
    assert policy.permitted("proxy.corp.example", 3128, ["10.0.0.9"]) == ["10.0.0.9"]
    assert policy.permitted("proxy.corp.example", 22, ["10.0.0.9"]) == []


def test_a_registry_on_this_machine_may_send_us_on_to_this_machine_only() -> None:
    policy = AddressPolicy("127.0.0.1")
    policy.check_host("127.0.0.2")
    assert policy.permitted("localhost", 80, ["::1"])
    with pytest.raises(RegistryDenied):
        policy.check_host("10.0.0.1")


async def test_a_name_that_resolves_inside_is_refused_when_dialled() -> None:
    with pytest.raises(RegistryDenied, match="localhost"):
        await GuardedResolver(AddressPolicy("registry.example")).resolve("localhost", 80)


@pytest.mark.parametrize(
    "location",
    [
        "http://169.254.169.254/latest/meta-data",
        "http://10.0.0.1/x",
        "http://[fd00:ec2::254]/x",
        "http://user:pass@192.168.1.1/x",
        "http://2886729729/x",
        "file:///etc/passwd",
        "gopher://127.0.0.1/x",
        "ftp://example.com/x",
        "http://[broken/",
        "http://0177.0.0.01:99999/x",
        "http://metadata.google.internal/computeMetadata/v1/",
        "http://127.0.0.1\\@192.168.1.1/x",
        "http://[::ffff:169.254.169.254]/x",
        "//169.254.169.254/x",
        "http:///x",
        "data:text/plain,x",
        "http://a..b/x",
        f"http://{'a' * 64}.example/x",
        "http://\u2488.example/x",
        "http://１６９.254.169.254/x",
        "http://%31%36%39.254.169.254/x",
    ],
)
@pytest.mark.parametrize("kind", ["manifest", "head", "locate"])
async def test_a_redirect_out_of_bounds_is_refused(
    registry: FakeRegistry, services: PullServices, kind: str, location: str
) -> None:
    registry.script(kind, *[server.redirect(location)] * 9)
    with pytest.raises(RegistryError):
        await services.pull(f"{registry.host}/me/small:v1")
    assert services.library.names() == []
    assert services.files == set()


@pytest.mark.parametrize("host", sorted(NO_NAMES))
async def test_a_host_that_no_name_can_be_is_told(services: PullServices, host: str) -> None:
    with pytest.raises(RegistryUnreachable, match="no such host"):
        await services.pull(f"{host}/me/small:v1")


async def test_redirects_end(registry: FakeRegistry, services: PullServices) -> None:
    registry.script("manifest", *[server.redirect("/v2/me/small/manifests/v1")] * 50)
    with pytest.raises(RegistryError, match="stopped after 10 redirects"):
        await services.pull(f"{registry.host}/me/small:v1")
    assert len(registry.asked) == 11


@pytest.mark.parametrize(
    "realm", ["http://localhost:1/token", "http://127.0.0.1/token", "http://evil.example/t", "", "http://[x", "/token"]
)
async def test_a_token_is_asked_of_the_registry_only(
    registry: FakeRegistry, services: PullServices, realm: str
) -> None:
    registry.script("manifest", server.status(401, WWW_Authenticate=f'Bearer realm="{realm}",service="s"'))
    with pytest.raises(RegistryDenied, match="does not match original host"):
        await services.pull(f"{registry.host}/me/small:v1")
    assert [asked.kind for asked in registry.asked] == ["manifest"]


def test_a_realm_with_a_user_name_is_another_host() -> None:
    with pytest.raises(RegistryDenied):
        Challenge.parse('Bearer realm="https://reg.example@evil.example/t"').check("reg.example")


def test_credentials_stay_within_an_origin() -> None:
    headers = {"Authorization": "Bearer secret", "Range": "bytes=0-1"}
    here = URL("https://reg.example/a")
    assert headers_for(here, URL("https://reg.example/b"), headers) == headers
    for there in ("https://reg.example:444/a", "http://reg.example/a", "https://cdn.example/a"):
        assert headers_for(here, URL(there), headers) == {"Range": "bytes=0-1"}


@pytest.mark.parametrize(
    "digest",
    [
        "../../../../etc/passwd",
        "sha256:../../../etc/passwd",
        "sha256:" + "a" * 63,
        "sha256:" + "A" * 64,
        "sha256-" + "a" * 64,
        "sha256:" + "a" * 64 + "/../../x",
        "sha256:" + "a" * 64 + "\n",
        "",
    ],
)
async def test_a_digest_that_is_none_is_refused(registry: FakeRegistry, services: PullServices, digest: str) -> None:
    layer = {"mediaType": "application/vnd.ollama.image.model", "digest": digest, "size": 3}
    registry.manifests["me/small:v1"] = json.dumps({"layers": [layer]}).encode()
    with pytest.raises(RegistryError, match=r"^invalid digest format$"):
        await services.pull(f"{registry.host}/me/small:v1")
    assert [asked.kind for asked in registry.asked] == ["manifest"]


@pytest.mark.parametrize("size", [-1, 1 << 70, "3", 3.5, None])
async def test_a_size_that_is_none_is_refused(registry: FakeRegistry, services: PullServices, size: object) -> None:
    layer = {"mediaType": "application/vnd.ollama.image.model", "digest": "sha256:" + "a" * 64, "size": size}
    registry.manifests["me/small:v1"] = json.dumps({"layers": [layer]}).encode()
    with pytest.raises(RegistryError):
        await services.pull(f"{registry.host}/me/small:v1")
    assert services.library.names() == []


@pytest.mark.parametrize("body", ["", "null", "[]", "no json", '{"layers": 3}', "[" * 100_000, '{"config": []}'])
async def test_a_manifest_that_is_none_is_refused(registry: FakeRegistry, services: PullServices, body: str) -> None:
    registry.manifests["me/small:v1"] = body.encode()
    outcome: object = None
    try:
        outcome = await services.pull(f"{registry.host}/me/small:v1")
    except RegistryError as error:
        assert error.message.startswith("pull model manifest: ")  # noqa: PT017  # null is an empty manifest to Ollama
    assert outcome is None or body == "null"


async def test_an_endless_manifest_is_refused_with_little_memory(
    registry: FakeRegistry, services: PullServices
) -> None:
    endless = b" " * (90 << 20)
    registry.script("manifest", lambda content: content.send(200, {}, endless))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(RegistryError, match="more than 1048576 bytes"):
        await services.pull(f"{registry.host}/me/small:v1")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 << 10


async def test_a_packed_manifest_is_unpacked_up_to_the_limit(registry: FakeRegistry, services: PullServices) -> None:
    async def bomb(content: server.Content) -> object:
        return await content.send(200, {"Content-Encoding": "gzip"}, gzip.compress(b" " * (64 << 20)))

    async def small(content: server.Content) -> object:
        return await content.send(200, {"Content-Encoding": "gzip"}, gzip.compress(registry.manifests["me/small:v1"]))

    async def broken(content: server.Content) -> object:
        return await content.send(200, {"Content-Encoding": "gzip"}, b"this is no gzip")

    registry.script("manifest", bomb, broken, small)  # type: ignore[arg-type]
    for words in ("more than 1048576 bytes", "cannot be unpacked"):
        with pytest.raises(RegistryError, match=words):
            await services.pull(f"{registry.host}/me/small:v1")
    assert (await services.pull(f"{registry.host}/me/small:v1"))[-1].status == "success"


async def test_a_blob_of_another_size_than_the_manifest_says_is_refused(
    registry: FakeRegistry, services: PullServices
) -> None:
    registry.script("head", server.status(200, "x" * 100))
    with pytest.raises(RegistryError, match="its manifest says"):
        await services.pull(f"{registry.host}/me/small:v1")
    assert registry.of_kind("part") == []


@pytest.mark.parametrize("fault", [server.drip(0.05), server.stall(0)])
async def test_a_registry_that_takes_its_time_is_left(
    registry: FakeRegistry, services: PullServices, fault: server.Fault
) -> None:
    registry.script("manifest", fault)
    with pytest.raises(RegistryUnreachable, match="no answer in time"):
        await services.pull(f"{registry.host}/me/small:v1")


async def test_an_error_text_cannot_steer_a_terminal(registry: FakeRegistry, services: PullServices) -> None:
    registry.script("manifest", server.status(500, "a\x1b]0;evil\x07b\n"))
    with pytest.raises(RegistryError, match="500: a\ufffd]0;evil\ufffdb\n"):
        await services.pull(f"{registry.host}/me/small:v1")


@pytest.mark.parametrize("token", ["a\r\nX-Evil: 1", "a\nb", "a\x00b", "\ud800", "é\u2028"])
async def test_a_token_cannot_write_into_the_request(
    services: PullServices, registry: FakeRegistry, token: str
) -> None:
    challenge = server.status(401, WWW_Authenticate=f'Bearer realm="http://{registry.host}/token",service="s"')
    registry.script("manifest", challenge, challenge, challenge)
    registry.token = token
    with pytest.raises(RegistryError):
        await services.pull(f"{registry.host}/me/small:v1")
    assert all("X-Evil" not in asked.headers for asked in registry.asked)
