"""Which Host headers name this machine."""

import ipaddress
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tampu.server.middleware.host import is_local_address, is_local_name, without_port


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("", True),
        ("localhost", True),
        ("LOCALHOST:1", True),
        (socket.gethostname().upper(), True),
        ("foo.localhost", True),
        ("evil.local", True),
        ("x.internal:80", True),
        ("127.0.0.1:11434", True),
        ("127.9.9.9", True),
        ("0.0.0.0", True),
        ("[::1]:80", True),
        ("[::ffff:127.0.0.1]:80", True),
        ("10.0.0.1", True),
        ("[fd00::1]:1", True),
        ("[::1]", False),
        ("localhost.", False),
        ("LOCALHOST.", False),
        ("local", False),
        ("internal", False),
        ("127.0.0.1.nip.io", False),
        ("localhost.evil.com", False),
        ("example.com", False),
        ("8.8.8.8", False),
        ("100.64.0.1", False),
        ("169.254.169.254", False),
        ("[fe80::1]:1", False),
        ("2130706433", False),
        ("0x7f.1", False),
        ("127.1", False),
        ("xn--lcalhost-n4a", False),
        ("a:b:c", False),
    ],
)
def test_hosts(host: str, *, allowed: bool) -> None:
    name = without_port(host)
    assert (is_local_address(name) or is_local_name(name)) is allowed


@given(st.ip_addresses())
def test_only_own_and_private_addresses_are_local(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    if address.is_global:
        assert not is_local_address(str(address))


@given(st.text(max_size=30))
def test_any_text_is_judged(text: str) -> None:
    name = without_port(text)
    assert isinstance(is_local_address(name) or is_local_name(name), bool)
