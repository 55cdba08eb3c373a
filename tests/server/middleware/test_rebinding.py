"""A page whose name was bound to this machine."""

import pytest

from tampu.config import parse_address
from tampu.server.middleware.rebinding import is_of_the_internet
from tests.server.live import live_server

LAN = parse_address("0.0.0.0")


@pytest.mark.parametrize(
    ("name", "of_the_internet"),
    [
        ("evil.example.com", True),
        ("EVIL.COM.", True),
        ("127.0.0.1.nip.io", True),
        ("localhost.evil.com", True),
        ("local.evil", True),
        ("", False),
        ("ollama", False),
        ("localhost", False),
        ("nas.local", False),
        ("gpu.lan", False),
        ("gpu.home.arpa", False),
        ("host.docker.internal", False),
        ("8.8.8.8", False),
        ("192.168.1.5", False),
        ("fd00::1", False),
        ("[::1]", False),
    ],
)
def test_names(name: str, of_the_internet: bool) -> None:
    assert is_of_the_internet(name) is of_the_internet


@pytest.mark.parametrize("method", ["POST", "DELETE", "PUT", "PATCH"])
def test_a_page_of_the_internet_may_only_look(method: str) -> None:
    with live_server(address=LAN) as live:
        page = {"Host": "evil.com:11434", "Origin": "http://evil.com:11434"}
        assert live.ask(method, "/api/generate", {"model": "m"}, page)[0].status == 403
        assert live.ask("GET", "/api/version", None, page)[0].status == 200
        assert live.operations.requests == []


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("evil.com:11434", None),
        ("evil.com:11434", ""),
        ("192.168.1.5:11434", "http://192.168.1.5:11434"),
        ("nas.local:11434", "http://nas.local:11434"),
        ("gpu:11434", "http://gpu:11434"),
        ("chat.company.com", "https://chat.company.com"),
        ("gpu.company.com:11434", "http://localhost:3000"),
    ],
)
def test_programs_and_pages_of_the_network_may_ask(host: str, origin: str | None) -> None:
    with live_server(address=LAN, origins=("https://chat.company.com",)) as live:
        headers = {"Host": host, **({} if origin is None else {"Origin": origin})}
        assert live.ask("POST", "/api/show", {"model": "m"}, headers)[0].status == 404


def test_the_name_that_it_listens_on_is_its_own() -> None:
    with live_server(address=parse_address("gpu.company.com")) as live:
        page = {"Host": "gpu.company.com:11434", "Origin": "http://gpu.company.com:11434"}
        assert live.ask("POST", "/api/show", {"model": "m"}, page)[0].status == 404


def test_any_origin_allowed_is_any_page_allowed() -> None:
    with live_server(address=LAN, origins=("*",)) as live:
        page = {"Host": "evil.com", "Origin": "http://evil.com"}
        assert live.ask("POST", "/api/show", {"model": "m"}, page)[0].status == 404
