"""Which proxy a request goes through."""

import pytest
from yarl import URL

from tampu.errors import RegistryUnreachable
from tampu.registry.proxies import proxy_for

PROXIES = {"http": "proxy.example:3128", "https": "http://user:secret@proxy.example:8080"}


def through(url: str, no: str = "") -> str | None:
    proxy = proxy_for(URL(url), {**PROXIES, "no": no})
    return None if proxy is None else f"{proxy.host}:{proxy.port}"


@pytest.mark.parametrize(
    ("url", "proxy"),
    [
        ("http://registry.example/x", "proxy.example:3128"),
        ("https://registry.example/x", "proxy.example:8080"),
        ("https://10.0.0.1/x", "proxy.example:8080"),
        ("http://localhost:5000/x", None),
        ("http://LOCALHOST./x", None),
        ("http://127.3.2.1/x", None),
        ("http://[::1]:5000/x", None),
    ],
)
def test_by_scheme_and_never_to_this_machine(url: str, proxy: str | None) -> None:
    assert through(url) == proxy


@pytest.mark.parametrize(
    ("entries", "exempt"),
    [
        ("*", True),
        ("example.com", True),
        ("reg.example.com", True),
        ("REG.Example.Com.", False),
        (".example.com", True),
        ("*.example.com", True),
        (" other.org , example.com ", True),
        ("example.com:8443", True),
        ("example.com:443", False),
        ("ample.com", False),
        (".reg.example.com", False),
        ("example.com.evil.org", False),
        ("", False),
        (",,", False),
    ],
)
def test_no_proxy_by_name(entries: str, exempt: bool) -> None:
    assert (through("https://reg.example.com:8443/x", entries) is None) is exempt


@pytest.mark.parametrize(
    ("entries", "exempt"),
    [("10.1.2.3", True), ("10.0.0.0/8", True), ("10.1.2.3:80", False), ("10.1.2.3:443", True), ("10.2.0.0/16", False),
     ("10.0.0.0/99", False), ("fd00::/8", False)],
)  # fmt: skip
def test_no_proxy_by_address(entries: str, exempt: bool) -> None:
    assert (through("https://10.1.2.3/x", entries) is None) is exempt


def test_no_proxy_by_ipv6_address() -> None:
    assert through("https://[fd00::1]:8443/x", "fd00::/8") is None
    assert through("https://[fd00::1]:8443/x", "fd00::1") is None
    assert through("https://[fd00::1]:8443/x", "[fd00::1]:8443") is None
    assert through("https://[fd00::1]:8443/x", "[fd00::1]:1") is not None


@pytest.mark.parametrize("proxy", ["socks5://me:secret@proxy:1080", "ftp://proxy", "http://", "http://[x", "://"])
def test_other_proxies_are_told_without_their_secrets(proxy: str) -> None:
    with pytest.raises(RegistryUnreachable, match="HTTPS_PROXY names no http") as refused:
        proxy_for(URL("https://registry.example"), {"https": proxy})
    assert "secret" not in str(refused.value)
