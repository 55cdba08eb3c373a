"""Opens the listening socket, before anything else is started: a taken port is a clear error at once."""

import os
import socket

from tampu.config import Address
from tampu.errors import ListenFailed

_BACKLOG = 1024


def listen(address: Address) -> socket.socket:
    """A listening socket on `address`; no host and 0.0.0.0 mean all of this machine. Raises ListenFailed."""
    failure: OSError | None = None
    for family, place in _places(address):
        try:
            return _bound(family, place)
        except OSError as error:
            failure = failure or error
    words = os.strerror(failure.errno).lower() if failure is not None and failure.errno else str(failure)
    raise ListenFailed(f"listen tcp {_shown(address)}: bind: {words}")


def _places(address: Address) -> list[tuple[int, tuple[str, int]]]:
    if address.host in {"", "0.0.0.0"}:  # noqa: S104  # what the user asked for
        # Of both families where there is IPv6, as Ollama: `localhost` is ::1 to many clients.
        return [(socket.AF_INET6, ("::", address.port)), (socket.AF_INET, ("", address.port))]
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError):
        raise ListenFailed(f"listen tcp: lookup {address.host}: no such host") from None
    # As Ollama does: of a name's addresses the first IPv4 one, if there is any.
    found.sort(key=lambda entry: entry[0] != socket.AF_INET)
    return [(family, (str(place[0]), int(place[1]))) for family, _, _, _, place in found]


def _bound(family: int, place: tuple[str, int]) -> socket.socket:
    # The protocol is named, because asyncio sends small pieces at once (TCP_NODELAY) on sockets that say TCP only.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":
            # A port whose last owner has just gone is free. On other systems this would share a live one.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6 and place[0] == "::":
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind(place)
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    listener.setblocking(False)
    return listener


def _shown(address: Address) -> str:
    host = f"[{address.host}]" if ":" in address.host else address.host
    return f"{host}:{address.port}"
