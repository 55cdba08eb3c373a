"""Refuses a Host that names another machine: a page that rebinds its own name to this one gets nothing.

Only a server that is bound to a loopback address is checked; one that is bound to all has many names.
"""

import ipaddress
import re
import socket
from functools import lru_cache

import psutil

from tampu.server.asgi import App, Receive, Scope, Send, answer, header, headers

_VALID = re.compile(r"[A-Za-z0-9!$%&'()*+,\-.:;=\[\]_~]*")
_LOCAL_SUFFIXES = (".localhost", ".local", ".internal")
_PRIVATE = tuple(
    ipaddress.ip_network(network)
    for network in (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "127.0.0.0/8",
        "0.0.0.0/32",
        "fc00::/7",
        "::1",
        "::",
    )
)


def without_port(host: str) -> str:
    """The host part of a Host header. A bracketed address without a port stays in its brackets, and is refused."""
    if host.startswith("["):
        inside, closing, port = host[1:].partition("]:")
        return inside if closing and ":" not in port else host
    name, colon, port = host.rpartition(":")
    return name if colon and ":" not in name else host


def is_local_name(name: str) -> bool:
    """Whether a name (no address) can only mean this machine or its own network."""
    name = name.lower()
    return name in {"", "localhost", socket.gethostname().lower()} or name.endswith(_LOCAL_SUFFIXES)


def is_local_address(text: str) -> bool:
    """Whether `text` is an address of this machine or of a private network."""
    address, is_private = _told(text)
    return is_private or (bool(address) and address in _own_addresses())


@lru_cache(maxsize=64)
def _told(text: str) -> tuple[str, bool]:
    """The address that `text` is, "" if it is none, and whether it is one of a private network."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return "", False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return str(address), any(address in network for network in _PRIVATE)


def _own_addresses() -> set[str]:
    return {address.address for addresses in psutil.net_if_addrs().values() for address in addresses}


def malformed(scope: Scope) -> str | None:
    """What is wrong with the Host header by HTTP's own rules; None if nothing is."""
    hosts = headers(scope, b"host")
    if not hosts and scope["http_version"] not in {"1.0", "0.9"}:
        return "missing required Host header"
    if len(hosts) > 1:
        return "too many Host headers"
    if hosts and not _VALID.fullmatch(hosts[0]):
        return "malformed Host header"
    return None


class WellFormedHost:
    """Answers requests without a usable Host header. It comes before everything else."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        fault = malformed(scope)
        if fault is None:
            await self._app(scope, receive, send)
            return
        plain = ((b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close"))
        await answer(send, 400, f"400 Bad Request: {fault}".encode(), plain)


class LocalHost:
    """The middleware. `is_loopback`: whether the server is bound to a loopback address."""

    def __init__(self, app: App, *, is_loopback: bool) -> None:
        self._app, self._is_loopback = app, is_loopback

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        name = without_port(header(scope, b"host"))
        if not self._is_loopback or is_local_address(name):
            await self._app(scope, receive, send)
        elif not is_local_name(name):
            await answer(send, 403)
        elif scope["method"] == "OPTIONS":
            await answer(send, 204)
        else:
            await self._app(scope, receive, send)
