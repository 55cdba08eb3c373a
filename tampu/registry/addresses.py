"""Which machines a download may reach: public ones, and the host that the user named.

A registry is hostile until proven otherwise: a redirect to `169.254.169.254` or to a service on this machine is not
followed on its word. Every address is checked at the moment it is dialled (the resolver answers with checked addresses
only, and the connection uses that very answer), so a DNS answer that changes between check and use gains nothing.
"""

import ipaddress
import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from tampu.errors import RegistryDenied

_Address = IPv4Address | IPv6Address
_EMBEDDING: Final = tuple(ipaddress.IPv6Network(net) for net in ("64:ff9b::/96", "64:ff9b:1::/96", "::/96"))
"""NAT64 and addresses of the old, `::1.2.3.4` form: the last 32 bits are an IPv4 address."""
_UNICAST: Final = ipaddress.IPv6Network("2000::/3")
_SHARED: Final = ipaddress.IPv4Network("100.64.0.0/10")
_METADATA: Final = tuple(
    ipaddress.ip_network(net)
    for net in ("169.254.169.0/24", "169.254.170.0/24", "100.100.100.200", "fd00:ec2::/64", "fe80::a9fe:a9fe")
)
"""Where clouds tell a machine its own secrets."""
_INSIDE_SUFFIXES: Final = (".localhost", ".local", ".internal", ".home.arpa")


def literal_address(host: str) -> _Address | None:
    """The address that `host` spells, also as `127.1`, `0x7f.1` or `2130706433`; None for a name."""
    host = _plain(host)
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    try:
        return IPv4Address(socket.inet_aton(host))
    except (OSError, ValueError):
        return None


def is_public(address: _Address) -> bool:
    """Whether the address is one of the open internet, seen through every way of wrapping an IPv4 address."""
    inner = _wrapped(address)
    if inner is not None:
        return is_public(inner)
    if isinstance(address, IPv6Address) and address not in _UNICAST:
        return False
    return address.is_global and not address.is_multicast


def is_private(address: _Address) -> bool:
    """Whether the address is a usual one of a home, an office or a virtual private network."""
    address = _wrapped(address) or address
    if _is_metadata(address) or address.is_loopback or address.is_link_local or address.is_unspecified:
        return False
    in_shared_space = isinstance(address, IPv4Address) and address in _SHARED
    return in_shared_space or (address.is_private and not address.is_multicast and not address.is_reserved)


def is_on_this_link(address: _Address) -> bool:
    """Whether the address is of a machine on the same cable or in the same air, and no place of a cloud's secrets."""
    address = _wrapped(address) or address
    return address.is_link_local and not _is_metadata(address)


def is_inside_name(host: str) -> bool:
    """Whether a name can only mean something on this machine or its network, whatever it resolves to."""
    name = _plain(host)
    return "." not in name or name.endswith(_INSIDE_SUFFIXES)


def _wrapped(address: _Address) -> IPv4Address | None:
    if not isinstance(address, IPv6Address) or address.is_loopback or address.is_unspecified:
        return None
    if any(address in network for network in _EMBEDDING):
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)


def _is_metadata(address: _Address) -> bool:
    return any(address in network for network in _METADATA)


def _is_loopback(address: _Address) -> bool:
    return (_wrapped(address) or address).is_loopback


def _plain(host: str) -> str:
    return host.lower().strip("[]").rstrip(".")


class AddressPolicy:
    """What one download may dial.

    1. Public addresses. 2. An address that the user spelled out. 3. What a name that the user wrote resolves to, if it
    is this machine or private; but a name that was public once stays so, only names that this network gives itself
    lead to link-local addresses, and none to those where clouds keep a machine's secrets. 4. This machine, if the user
    named this machine. 5. With `allows_lan`, private addresses. 6. The proxies of the user's settings, at their port.
    """

    def __init__(self, named_host: str, *, allows_lan: bool = False) -> None:
        self._named, self._allows_lan = _plain(named_host), allows_lan
        self._named_address = literal_address(named_host)
        self._named_is_public = False
        self._proxies: set[tuple[str, int | None]] = set()
        names_loopback = self._named_address is not None and _is_loopback(self._named_address)
        self._allows_loopback = names_loopback or self._named == "localhost" or self._named.endswith(".localhost")

    def trust_proxy(self, host: str, port: int | None) -> None:
        """Let a proxy of the user's own settings be dialled, wherever it is."""
        self._proxies.add((_plain(host), port))

    def check_host(self, host: str) -> None:
        """Refuse a host that can only be one that may not be dialled; raises RegistryDenied.

        Names of public form pass: what they resolve to is checked when they are dialled, by whoever dials.
        """
        literal = literal_address(host)
        if literal is None:
            permitted = _plain(host) == self._named or not is_inside_name(host) or self._allows_name(host)
        else:
            permitted = self._permits_from_anywhere(literal) or literal == self._named_address
        if not permitted:
            raise refusal(host)

    def refusal(self, host: str, address: str) -> RegistryDenied:
        """The error for a name that leads to an address which may not be dialled."""
        if _plain(host) != self._named:
            return refusal(host)
        return RegistryDenied(f"{host} leads to {address}, where no name may lead: write the address itself if need be")

    def permitted(self, host: str, port: int, addresses: Sequence[str]) -> list[str]:
        """Those of `addresses`, to which `host` resolved, that may be dialled."""
        if (_plain(host), port) in self._proxies:
            return list(addresses)
        found = {text: literal_address(text.partition("%")[0]) for text in addresses}
        is_named = _plain(host) == self._named
        if is_named and any(address is not None and is_public(address) for address in found.values()):
            self._named_is_public = True
        return [text for text, address in found.items() if address and self._permits(address, is_named=is_named)]

    def _permits(self, address: _Address, *, is_named: bool) -> bool:
        if self._permits_from_anywhere(address):
            return True
        if not is_named or self._named_is_public:
            return False
        if is_on_this_link(address):
            return is_inside_name(self._named) or address == self._named_address
        return address == self._named_address or is_private(address) or _is_loopback(address)

    def _permits_from_anywhere(self, address: _Address) -> bool:
        if is_public(address) or (self._allows_loopback and _is_loopback(address)):
            return True
        return self._allows_lan and is_private(address)

    def _allows_name(self, host: str) -> bool:
        """Whether a name of this network may be looked up; its addresses are checked after that."""
        is_loopback_name = _plain(host) == "localhost" or _plain(host).endswith(".localhost")
        return self._allows_loopback if is_loopback_name else self._allows_lan


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
        try:
            found = await self._inner.resolve(host, port, family)
        except UnicodeError as error:  # a label of a name that is empty or too long
            raise OSError(None, "no such host") from error
        permitted = set(self._policy.permitted(host, port, [result["host"] for result in found]))
        if found and not permitted:
            raise self._policy.refusal(host, found[0]["host"])
        return [result for result in found if result["host"] in permitted]

    async def close(self) -> None:
        """Nothing is held."""
        await self._inner.close()
