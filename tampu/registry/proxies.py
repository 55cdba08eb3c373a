"""Which proxy a request goes through: `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` as Go's programs read them. Pure.

1. This machine is never asked through a proxy. 2. An entry of NO_PROXY is `*`, an address, a network (`10.0.0.0/8`), a
domain with all below it (`example.com`) or only what is below (`.example.com`, `*.example.com`); a port may follow.
"""

import ipaddress
from collections.abc import Mapping

from yarl import URL

from tampu.errors import RegistryUnreachable


def proxy_for(url: URL, settings: Mapping[str, str]) -> URL | None:
    """The proxy for `url`, None for none; `settings` by lower-case scheme, and `no`. Raises RegistryUnreachable."""
    text = settings.get(url.scheme, "").strip()
    if not text or _is_this_machine(url.host or "") or _is_exempt(url, settings.get("no", "")):
        return None
    name = f"{url.scheme.upper()}_PROXY"
    try:
        proxy = URL(text if "://" in text else f"http://{text}")
    except ValueError:
        proxy = URL()
    if proxy.scheme not in {"http", "https"} or not proxy.host:
        # The text itself may hold a password.
        raise RegistryUnreachable(f"{name} names no http:// or https:// proxy, and others are not supported")
    return proxy


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost"


def _is_exempt(url: URL, entries: str) -> bool:
    host = (url.host or "").lower().rstrip(".")
    return any(_covers(entry.strip().lower(), host, url.port) for entry in entries.split(",") if entry.strip())


def _covers(entry: str, host: str, port: int | None) -> bool:
    if entry == "*":
        return True
    if "/" in entry:
        return _is_in_network(host, entry)
    name, entry_port = _split_port(entry)
    if entry_port and entry_port != str(port):
        return False
    if name.startswith((".", "*.")):
        return host.endswith(name.removeprefix("*"))
    return host == name or host.endswith(f".{name}")


def _split_port(entry: str) -> tuple[str, str]:
    if entry.startswith("["):
        name, _, port = entry[1:].partition("]")
        return name, port.removeprefix(":")
    if entry.count(":") > 1:  # an IPv6 address
        return entry, ""
    name, _, port = entry.partition(":")
    return name, port


def _is_in_network(host: str, entry: str) -> bool:
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(entry, strict=False)
    except ValueError:
        return False
