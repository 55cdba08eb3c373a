"""What the text of a setting means: each function reads one kind of value.

Values follow Ollama: a boolean that is no Go boolean word is true, and a number that does not parse is None, which is
the default. Settings of our own are refused where they mean nothing.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from tampu.errors import BadRequest, ConfigError
from tampu.units import FOREVER, KeepAlive, parse_rate

GO_TRUE: Final = frozenset({"1", "t", "T", "TRUE", "true", "True"})
GO_FALSE: Final = frozenset({"0", "f", "F", "FALSE", "false", "False"})


def text(value: str) -> str:
    """The value as it is."""
    return value


def flag(value: str) -> bool:
    """True for all but Go's words for false."""
    return value not in GO_FALSE


def unless_zero(value: str) -> bool:
    """False for a single 0 alone."""
    return value != "0"


CACHE_TYPES: Final = ("f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0")


def cache_type(value: str) -> str | None:
    """A type that a key/value cache can have; None where there is none of that name."""
    return value.lower() if value.lower() in CACHE_TYPES else None


def count(value: str) -> int | None:
    """An unsigned integer; None (the default) where it does not parse."""
    return int(value) if value.isascii() and value.isdigit() else None


def duration_or_seconds(value: str) -> KeepAlive | None:
    """A duration, or a number of seconds; None where it is neither."""
    try:
        return KeepAlive.of_seconds(int(value))
    except ValueError:
        pass
    try:
        return KeepAlive.of_text(value)
    except BadRequest:
        return None


def positive_duration_s(value: str) -> float | None:
    """Seconds; zero or less means for ever (infinity)."""
    lasting = duration_or_seconds(value)
    if lasting is None:
        return None
    return float("inf") if lasting == FOREVER or lasting.is_zero else lasting.seconds


def origins(value: str) -> tuple[str, ...]:
    """Patterns of browser origins, comma-separated; raises ConfigError."""
    origins = []
    for text in value.split(","):
        entry = text if "*" in text else text.lower()
        _check_origin(entry)
        origins.append(entry)
    return tuple(origins)


def _check_origin(entry: str) -> None:
    """Refuse an entry of OLLAMA_ORIGINS that could never match; raises ConfigError."""
    schemes = ("http", "https", "chrome-extension", "safari-extension", "moz-extension", "ms-browser-extension")
    if entry.count("*") > 1:
        raise ConfigError(f"OLLAMA_ORIGINS: {entry!r} has more than one '*'; at most one is allowed")
    if "*" not in entry and not entry.startswith(tuple(f"{scheme}://" for scheme in schemes)):
        raise ConfigError(
            f"OLLAMA_ORIGINS: {entry!r} must contain '*' or begin with one of {', '.join(schemes)} and ://"
        )


def rate(value: str) -> int:
    """Bytes a second; raises ConfigError."""
    try:
        return parse_rate(value)
    except BadRequest as error:
        raise ConfigError(f"TAMPU_LIMIT_RATE: {error.message}") from None


def mirrors(value: str) -> Mapping[str, tuple[str, ...]]:
    """Base addresses by the host that they stand for, from `HOST=URL,URL; HOST=URL`; raises ConfigError."""
    by_host: dict[str, tuple[str, ...]] = {}
    for entry in filter(None, (each.strip() for each in value.split(";"))):
        host, equals, rest = entry.partition("=")
        addresses = tuple(address.strip().rstrip("/") for address in rest.split(","))
        if not equals or not host.strip() or "/" in host:
            raise ConfigError(f"TAMPU_MIRRORS: {entry!r} is not of the form HOST=URL,URL")
        for address in addresses:
            _check_mirror(address)
        by_host[host.strip().lower()] = addresses
    return by_host


def _check_mirror(address: str) -> None:
    try:
        parts = urlsplit(address)
        is_good = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_good = False
    if not is_good or parts.query or parts.fragment or parts.username:
        raise ConfigError(f"TAMPU_MIRRORS: {address!r} is not an address of the form http[s]://host[:port][/path]")


def ca_file(value: str) -> Path:
    """The path of a PEM file that can be read; raises ConfigError."""
    file = Path(value).expanduser().absolute()
    try:
        is_pem = b"-----BEGIN CERTIFICATE-----" in file.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"TAMPU_CA_FILE: {value!r} cannot be read: {(error.strerror or str(error)).lower()}"
        ) from None
    if not is_pem:
        raise ConfigError(f"TAMPU_CA_FILE: {value!r} holds no certificate in PEM form")
    return file


def path(value: str) -> Path:
    """A path, `~` being the user's home."""
    return Path(value).expanduser()


def folders(value: str) -> tuple[Path, ...]:
    """Folders as in PATH; raises ConfigError for one that would depend on where the server was started."""
    found = tuple(Path(entry.strip()).expanduser() for entry in value.split(os.pathsep) if entry.strip())
    for folder in found:
        if not folder.is_absolute():
            raise ConfigError(f"TAMPU_IMPORT: {str(folder)!r} is not an absolute path")
    return found


def log_level(value: str) -> int:
    """0 info, 1 debug, 2 and more trace."""
    if value in GO_TRUE:
        return 1
    try:
        return max(0, int(value))
    except ValueError:
        return 0 if value in GO_FALSE else 1
