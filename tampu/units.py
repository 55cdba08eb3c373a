"""Durations, sizes, counts and times: how they are read and how people and clients see them.

Durations follow Go's syntax (`1h30m`, `300ms`) because clients and users of Ollama write them so.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from tampu.errors import BadRequest

NS_PER_S: Final = 1_000_000_000
_UNIT_NS: Final = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "μs": 1_000,
    "ms": 1_000_000,
    "s": NS_PER_S,
    "m": 60 * NS_PER_S,
    "h": 3600 * NS_PER_S,
}
_MAX_NS: Final = 2**63 - 1
FOREVER_NS: Final = _MAX_NS
_NOT_PLAIN = re.compile(r'["\\]|[^ -\x7f]')
_STEP = re.compile(r"(?P<whole>[0-9]*)(?P<fraction>\.[0-9]*)?(?P<unit>[^0-9.]*)")


def parse_duration(text: str) -> int:
    """Nanoseconds of a Go duration such as `1h30m`; raises BadRequest with Go's own words."""
    rest = text[1:] if text[:1] in {"-", "+"} else text
    if rest == "0":
        return 0
    if not rest:
        raise BadRequest(f"time: invalid duration {_quoted(text)}")
    total = 0
    while rest:
        step = _STEP.match(rest)
        whole, fraction, unit = (step["whole"], step["fraction"] or "", step["unit"]) if step else ("", "", "")
        if not whole and len(fraction) < len(".0"):
            raise BadRequest(f"time: invalid duration {_quoted(text)}")
        if not unit:
            raise BadRequest(f"time: missing unit in duration {_quoted(text)}")
        if unit not in _UNIT_NS:
            raise BadRequest(f"time: unknown unit {_quoted(unit)} in duration {_quoted(text)}")
        total += int(whole or 0) * _UNIT_NS[unit]
        if len(fraction) > 1:
            total += int(fraction[1:]) * _UNIT_NS[unit] // 10 ** len(fraction[1:])
        if total > _MAX_NS:
            raise BadRequest(f"time: invalid duration {_quoted(text)}")
        rest = rest[len(whole) + len(fraction) + len(unit) :]
    return -total if text.startswith("-") else total


def _quoted(text: str) -> str:
    """As Go quotes a duration: quotation marks with a backslash before them, what is not ASCII as its bytes."""
    return f'"{_NOT_PLAIN.sub(_escaped, text)}"'


def _escaped(found: re.Match[str]) -> str:
    letter = found[0]
    if letter in '"\\':
        return f"\\{letter}"
    return "".join(f"\\x{byte:02x}" for byte in letter.encode("utf-8", "surrogateescape"))


def format_duration(nanoseconds: int) -> str:
    """A duration in Go's own notation: `1.234567s`, `12.3ms`, `1m30s`, `5m0s`, `0s`."""
    sign, ns = ("-", -nanoseconds) if nanoseconds < 0 else ("", nanoseconds)
    if ns == 0:
        return "0s"
    for unit in ("ns", "µs", "ms"):
        if ns < _UNIT_NS[unit] * 1000:
            return f"{sign}{_decimal(ns, _UNIT_NS[unit])}{unit}"
    minutes, ns = divmod(ns, _UNIT_NS["m"])
    hours, minutes = divmod(minutes, 60)
    text = f"{_decimal(ns, NS_PER_S)}s"
    if hours:
        return f"{sign}{hours}h{minutes}m{text}"
    return f"{sign}{minutes}m{text}" if minutes else f"{sign}{text}"


def _decimal(value: int, unit: int) -> str:
    whole, rest = divmod(value, unit)
    if not rest:
        return str(whole)
    return f"{whole}.{str(rest).rjust(len(str(unit)) - 1, '0').rstrip('0')}"


@dataclass(frozen=True, slots=True)
class KeepAlive:
    """How long an idle model stays loaded. `nanoseconds` None means for ever."""

    nanoseconds: int | None

    @property
    def is_zero(self) -> bool:
        """Unload as soon as nobody uses the model."""
        return self.nanoseconds == 0

    @property
    def seconds(self) -> float | None:
        """The time in seconds; None for ever."""
        return None if self.nanoseconds is None else self.nanoseconds / NS_PER_S

    @classmethod
    def of_seconds(cls, seconds: float) -> "KeepAlive":
        """From a JSON number or a bare integer setting: seconds, negative for ever."""
        return cls(None) if seconds < 0 else cls(min(int(seconds * NS_PER_S), _MAX_NS))

    @classmethod
    def of_text(cls, text: str) -> "KeepAlive":
        """From a Go duration, negative for ever; raises BadRequest."""
        nanoseconds = parse_duration(text)
        return cls(None) if nanoseconds < 0 else cls(nanoseconds)


FOREVER: Final = KeepAlive(None)


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def format_timestamp(nanoseconds: int, *, utc: bool = True) -> str:
    """RFC 3339 of nanoseconds since the epoch, up to nine fractional digits, trailing zeros cut.

    `utc` False gives the local offset, as Ollama writes `modified_at` and `expires_at`.
    """
    seconds, fraction = divmod(nanoseconds, NS_PER_S)
    moment = _EPOCH + timedelta(seconds=seconds)
    text = (moment if utc else moment.astimezone()).isoformat()
    clock, zone = text[:19], text[19:25]
    digits = f".{fraction:09d}".rstrip("0") if fraction else ""
    return f"{clock}{digits}{'Z' if zone == '+00:00' else zone}"


def parse_timestamp(text: str) -> float | None:
    """Seconds since the epoch of an RFC 3339 time; None for the zero time, an empty text or one that is no time."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.year <= 1:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


_DECIMAL_UNITS: Final = ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "KB"))


def format_bytes(count: float) -> str:
    """A size in decimal units as people read it: `999 B`, `1.5 KB`, `42 GB`."""
    for unit, label in _DECIMAL_UNITS:
        if count >= unit:
            value = count / unit
            digits = 0 if value >= 10 or value == int(value) else 1
            return f"{int(value) if not digits else f'{value:.1f}'} {label}"
    return f"{int(count)} B"


_RATE = re.compile(r"(?P<number>[0-9]{1,15}(?:\.[0-9]{1,9})?)(?P<unit>[kmgtp]?)b?", re.ASCII | re.IGNORECASE)


def parse_rate(text: str) -> int:
    """Bytes a second of `500K`, `2.5M` or a bare number, in curl's units of 1024; 0: no limit. Raises BadRequest."""
    match = _RATE.fullmatch(text.strip())
    if match is None:
        raise BadRequest(f"invalid rate {text!r}; a number of bytes a second with K, M or G is expected, such as 5M")
    return int(float(match["number"]) * 1024 ** " kmgtp".index(match["unit"].lower() or " "))


def format_count(count: int) -> str:
    """A number as people read it: `950`, `538K`, `133.70M`, `8.0B`."""
    for unit, label, digits in ((10**9, "B", 1), (10**6, "M", 2), (10**3, "K", 0)):
        if count >= unit:
            return f"{count / unit:.{0 if count % unit == 0 else digits}f}{label}"
    return str(count)


_MINUTE: Final = 60
_HOUR: Final = 3600
_FOREVER_S: Final = 21 * 365 * 24 * _HOUR


def format_span(seconds: float) -> str:
    """A length of time in rough words: `30 seconds`, `About an hour`, `5 weeks`."""
    if seconds < _HOUR:
        return _short_span(int(seconds))
    # One hour and half of the next is two hours; longer units are cut, not rounded.
    hours = int(seconds / _HOUR + 0.5)
    if hours == 1:
        return "About an hour"
    for limit, hours_each, word in (
        (48, 1, "hours"),
        (14 * 24, 24, "days"),
        (60 * 24, 7 * 24, "weeks"),
        (730 * 24, 30 * 24, "months"),
    ):
        if hours < limit:
            return f"{hours // hours_each} {word}"
    return f"{int(seconds) // (365 * 24 * _HOUR)} years"


def _short_span(seconds: int) -> str:
    match seconds:
        case 0:
            return "Less than a second"
        case 1:
            return "1 second"
        case _ if seconds < _MINUTE:
            return f"{seconds} seconds"
        case _ if seconds < 2 * _MINUTE:
            return "About a minute"
        case _:
            return f"{seconds // _MINUTE} minutes"


def format_moment(then: float | None, *, now: float, never: str) -> str:
    """A moment seen from `now`, both in seconds since the epoch: `3 days ago`, `4 minutes from now`, `Forever`."""
    if then is None:
        return never
    if then <= now:
        return f"{format_span(now - then)} ago"
    ahead = then - now
    return "Forever" if ahead >= _FOREVER_S else f"{format_span(ahead)} from now"
