"""The address that a server listens on and that clients connect to, read as Ollama reads it."""

import ipaddress
from dataclasses import dataclass
from typing import Final

DEFAULT_PORT: Final = 11434
_MOST_DIGITS: Final = 9
"""No port has more, however many zeros it begins with."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where the server listens and clients connect: `[scheme://]host[:port][/path]`."""

    scheme: str
    host: str
    port: int
    path: str = ""

    @property
    def url(self) -> str:
        """The address as a URL without a trailing slash."""
        return f"{self.scheme}://{self.authority}{self.path}"

    @property
    def authority(self) -> str:
        """`host:port`."""
        return f"{self._bracketed}:{self.port}"

    @property
    def connect_host(self) -> str:
        """The host to connect to: an unspecified bind address means this machine."""
        match self.host:
            case "" | "0.0.0.0":  # noqa: S104  # recognised, not bound
                return "127.0.0.1"
            case "::":
                return "::1"
            case host:
                return host

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the address."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def reaches_this_machine(self) -> bool:
        """Whether a client that connects to the address talks to this very machine, whoever else may."""
        return Address(self.scheme, self.connect_host, self.port).is_loopback

    @property
    def _bracketed(self) -> str:
        return f"[{self.host}]" if ":" in self.host else self.host


DEFAULT_ADDRESS: Final = Address("http", "127.0.0.1", DEFAULT_PORT)


def parse_address(text: str) -> Address:
    """Read OLLAMA_HOST; a port that is no port means the default one, as in Ollama."""
    scheme, separator, rest = text.partition("://")
    default_port = {"http": 80, "https": 443}.get(scheme, DEFAULT_PORT) if separator else DEFAULT_PORT
    if not separator:
        scheme, rest = "http", text
        if text == "ollama.com":
            scheme, default_port = "https", 443
    authority, _, path = rest.partition("/")
    host, port = split_port(authority)
    number = int(port) if port.isascii() and port.isdigit() and len(port) <= _MOST_DIGITS else None
    if number is not None and number > 65535:
        number = None
    if port and number is None:
        number = DEFAULT_PORT
    path = path.rstrip("/")
    return Address(
        scheme, host.strip("[]") or ("" if port else "127.0.0.1"), number or default_port, f"/{path}" if path else ""
    )


def port_of(text: str) -> str:
    """The port that an address of `parse_address`'s form names, whatever is written there; "" for none."""
    rest = text.partition("://")[2] if "://" in text else text
    return split_port(rest.partition("/")[0])[1]


def split_port(authority: str) -> tuple[str, str]:
    """Host and port of `host[:port]`; each "" where it is not there."""
    if authority.startswith("["):
        host, _, after = authority.partition("]")
        return host, after.removeprefix(":")
    if authority.count(":") > 1:
        return authority, ""
    host, _, port = authority.partition(":")
    return host, port
