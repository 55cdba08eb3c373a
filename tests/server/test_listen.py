"""The listening socket and what is said when it cannot be had."""

import socket

import pytest

from tampu.config import Address, parse_address
from tampu.errors import ListenFailed
from tampu.server.listen import listen


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0", ""])
def test_clients_reach_it(host: str) -> None:
    with listen(Address("http", host, 0)) as listener:
        port = listener.getsockname()[1]
        socket.create_connection(("127.0.0.1", port), timeout=5).close()


def test_a_taken_port_is_said_as_ollama_says_it() -> None:
    with listen(Address("http", "127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(ListenFailed) as caught:
            listen(parse_address(f"127.0.0.1:{port}"))
    assert caught.value.message == f"listen tcp 127.0.0.1:{port}: bind: address already in use"


def test_a_foreign_address_is_refused() -> None:
    with pytest.raises(ListenFailed, match=r"listen tcp 192\.0\.2\.1:11434: bind: cannot assign requested address"):
        listen(parse_address("192.0.2.1"))


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(ListenFailed, match="lookup no such host"):
        listen(Address("http", "no such host", 1))
