"""What the text of a setting means: each function reads one kind of value, and raises ValueError with the reason.

Those for variables follow Ollama: a boolean that is no Go boolean word is true, and a number that does not parse is
None, which is the default. Settings of our own, and all of the file, are refused where they mean nothing.
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from tampu.errors import BadRequest
from tampu.units import FOREVER, KeepAlive, parse_rate

GO_TRUE: Final = frozenset({"1", "t", "T", "TRUE", "true", "True"})
GO_FALSE: Final = frozenset({"0", "f", "F", "FALSE", "false", "False"})
CACHE_TYPES: Final = ("f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0")
_MOST_DIGITS: Final = 18
_MOST_PORT: Final = 65535
_YES: Final = frozenset({"true", "yes", "on", "1"})
_NO: Final = frozenset({"false", "no", "off", "0"})


def text(value: str) -> str:
    """The value as it is."""
    return value


def flag(value: str) -> bool:
    """True for all but Go's words for false."""
    return value not in GO_FALSE


def unless_zero(value: str) -> bool:
    """False for a single 0 alone."""
    return value != "0"


def strict_flag(value: str) -> bool:
    """One of YAML's words for yes and no."""
    word = value.lower()
    if word not in _YES | _NO:
        raise ValueError
    return word in _YES


def flag_or_automatic(value: str) -> bool | None:
    """As `strict_flag`; None for `auto`."""
    return None if value.lower() == "auto" else strict_flag(value)


def cache_type(value: str) -> str | None:
    """A type that a key/value cache can have; None where there is none of that name."""
    return value.lower() if value.lower() in CACHE_TYPES else None


def count(value: str) -> int | None:
    """An unsigned integer; None (the default) where it does not parse."""
    return int(value) if value.isascii() and value.isdigit() and len(value) <= _MOST_DIGITS else None


def count_within(value: str, least: int, most: int) -> int:
    """An integer of that range."""
    number = count(value)
    if number is None or not least <= number <= most:
        raise ValueError
    return number


def is_port(value: str) -> bool:
    """Whether it is a port, or nothing."""
    number = count(value)
    return not value or (number is not None and number <= _MOST_PORT)


def duration_or_seconds(value: str) -> KeepAlive | None:
    """A duration, or a number of seconds; None where it is neither."""
    try:
        return KeepAlive.of_seconds(int(value))
    except ValueError:
        pass
    try:
        return KeepAlive.of_text(value)
    except (BadRequest, ValueError):  # the second: more digits than any number has
        return None


def positive_duration_s(value: str) -> float | None:
    """Seconds; zero or less means for ever (infinity)."""
    lasting = duration_or_seconds(value)
    if lasting is None:
        return None
    return float("inf") if lasting == FOREVER or lasting.is_zero else lasting.seconds


def origins(value: str) -> tuple[str, ...]:
    """Patterns of browser origins, comma-separated."""
    return origins_of(value.split(","))


def origins_of(entries: Iterable[str]) -> tuple[str, ...]:
    """Patterns of browser origins."""
    found = tuple(entry if "*" in entry else entry.lower() for entry in entries)
    for entry in found:
        _check_origin(entry)
    return found


def _check_origin(entry: str) -> None:
    """Refuse an entry that could never match."""
    schemes = ("http", "https", "chrome-extension", "safari-extension", "moz-extension", "ms-browser-extension")
    if entry.count("*") > 1:
        raise ValueError(f"{entry!r} has more than one '*'; at most one is allowed")
    if "*" not in entry and not entry.startswith(tuple(f"{scheme}://" for scheme in schemes)):
        raise ValueError(f"{entry!r} must contain '*' or begin with one of {', '.join(schemes)} and ://")


def rate(value: str) -> int:
    """Bytes a second."""
    try:
        return parse_rate(value)
    except BadRequest as error:
        raise ValueError(error.message) from None


def mirrors(value: str) -> Mapping[str, tuple[str, ...]]:
    """Base addresses by the host that they stand for, from `HOST=URL,URL; HOST=URL`."""
    by_host: dict[str, tuple[str, ...]] = {}
    for entry in filter(None, (each.strip() for each in value.split(";"))):
        host, equals, rest = entry.partition("=")
        if not equals:
            raise ValueError(f"{entry!r} is not of the form HOST=URL,URL")
        by_host |= mirrors_of(host, rest.split(","))
    return by_host


def mirrors_of(host: str, addresses: Iterable[str]) -> Mapping[str, tuple[str, ...]]:
    """The base addresses that stand for one host."""
    if not host.strip() or "/" in host:
        raise ValueError(f"{host!r} is no host; what is mirrored is written as HOST=URL,URL")
    found = tuple(address.strip().rstrip("/") for address in addresses)
    for address in found:
        _check_mirror(address)
    return {host.strip().lower(): found}


def _check_mirror(address: str) -> None:
    try:
        parts = urlsplit(address)
        is_good = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_good = False
    if not is_good or parts.query or parts.fragment or parts.username:
        raise ValueError(f"{address!r} is not an address of the form http[s]://host[:port][/path]")


def ca_file(value: str) -> Path:
    """The path of a PEM file that can be read."""
    file = path(value).absolute()
    try:
        is_pem = b"-----BEGIN CERTIFICATE-----" in file.read_bytes()
    except OSError as error:
        raise ValueError(f"{value!r} cannot be read: {(error.strerror or str(error)).lower()}") from None
    if not is_pem:
        raise ValueError(f"{value!r} holds no certificate in PEM form")
    return file


def path(value: str) -> Path:
    """A path, `~` being the user's home."""
    try:
        return Path(value).expanduser()
    except RuntimeError:
        raise ValueError(f"{value!r} names the home of a user who has none") from None


def absolute_path(value: str) -> Path:
    """A path that does not depend on where the program was started."""
    found = path(value)
    if not found.is_absolute():
        raise ValueError(f"{value!r} is not an absolute path")
    return found


def folders(value: str) -> tuple[Path, ...]:
    """Folders as in PATH."""
    return folders_of(value.split(os.pathsep))


def folders_of(entries: Iterable[str]) -> tuple[Path, ...]:
    """Folders, none of which depends on where the server was started."""
    return tuple(absolute_path(entry.strip()) for entry in entries if entry.strip())


def log_level(value: str) -> int:
    """0 info, 1 debug, 2 and more trace; a word that is neither a boolean nor a number leaves it at info."""
    if value in GO_TRUE:
        return 1
    try:
        return max(0, int(value))
    except ValueError:
        return 0


def strict_log_level(value: str) -> int:
    """A boolean word, or a level."""
    try:
        return int(strict_flag(value))
    except ValueError:
        return count_within(value, 0, 9)
