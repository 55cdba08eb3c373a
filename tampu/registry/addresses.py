"""Which machines a download may reach: public ones, and the host that the user named.

A registry is hostile until proven otherwise: a redirect to `169.254.169.254` or to a service on this machine is not
followed on its word. Every address is checked at the moment it is dialled (the resolver answers with checked addresses
only, and the connection uses that very answer), so a DNS answer that changes between check and use gains nothing.
"""

import ipaddress
import socket
from ipaddress import IPv4Address, IPv6Address

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from tampu.errors import RegistryDenied

_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def literal_address(host: str) -> IPv4Address | IPv6Address | None:
    """The address that `host` spells, also as `127.1`, `0x7f.1` or `2130706433`; None for a name."""
    try:
        return ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        pass
    try:
        return IPv4Address(socket.inet_aton(host))
    except (OSError, ValueError):
        return None


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether the address is one of the open internet, seen through every way of wrapping an IPv4 address."""
    inner = _wrapped(address)
    if inner is not None:
        return is_public(inner)
    return address.is_global and not address.is_multicast


def _wrapped(address: IPv4Address | IPv6Address) -> IPv4Address | None:
    if not isinstance(address, IPv6Address):
        return None
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)


def _is_loopback(address: IPv4Address | IPv6Address) -> bool:
    return (_wrapped(address) or address).is_loopback


class AddressPolicy:
    """What one download may dial: public addresses, the host that the user named, and the proxies of the settings.

    A registry on this machine may also send us on to this machine: who named it has named that.
    """

    def __init__(self, named_host: str) -> None:
        self._named = named_host.lower()
        self._proxies: set[str] = set()
        literal = literal_address(named_host)
        self._allow_loopback = named_host.lower() == "localhost" or (literal is not None and _is_loopback(literal))

    def trust_proxy(self, host: str) -> None:
        """Let a proxy of the user's own settings be dialled, wherever it is."""
        self._proxies.add(host.lower())

    def check_host(self, host: str) -> None:
        """Refuse a host that spells an address which may not be dialled; raises RegistryDenied. Names pass."""
        literal = literal_address(host)
        if literal is not None and not self._permits(host, literal):
            raise refusal(host)

    def permits(self, host: str, address: str) -> bool:
        """Whether `address`, to which `host` resolved, may be dialled."""
        literal = literal_address(address.partition("%")[0])
        return host.lower() in self._proxies or (literal is not None and self._permits(host, literal))

    def _permits(self, host: str, address: IPv4Address | IPv6Address) -> bool:
        if is_public(address) or host.lower() == self._named:
            return True
        return self._allow_loopback and _is_loopback(address)


def refusal(host: str) -> RegistryDenied:
    """The error for a target inside the user's own network that the user did not name."""
    return RegistryDenied(
        f"the registry points to {host}, an address inside this network that was not asked for: refused"
    )


class GuardedResolver(AbstractResolver):
    """Resolves names and gives back only addresses that the policy permits."""

    def __init__(self, policy: AddressPolicy) -> None:
        self._policy = policy
        self._inner = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The permitted addresses of `host`; raises RegistryDenied if it has others only."""
        found = await self._inner.resolve(host, port, family)
        permitted = [result for result in found if self._policy.permits(host, result["host"])]
        if found and not permitted:
            raise refusal(host)
        return permitted

    async def close(self) -> None:
        """Nothing is held."""
        await self._inner.close()
