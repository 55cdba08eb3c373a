import pytest
from hypothesis import given
from hypothesis import strategies as st

from tampu import units
from tampu.errors import BadRequest
from tampu.units import FOREVER, KeepAlive, format_duration, format_timestamp, parse_duration, parse_rate


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [("5m", 300_000_000_000), ("1h30m", 5_400_000_000_000), ("1.5h", 5_400_000_000_000), ("300ms", 300_000_000),
     ("0", 0), ("-1s", -1_000_000_000), ("+5s", 5_000_000_000), (".5s", 500_000_000), ("2µs", 2_000), ("7ns", 7)],
)  # fmt: skip
def test_durations(text: str, nanoseconds: int) -> None:
    assert parse_duration(text) == nanoseconds


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("300", 'time: missing unit in duration "300"'),
        ("-1", 'time: missing unit in duration "-1"'),
        ("1d", 'time: unknown unit "d" in duration "1d"'),
        ("5 m", 'time: unknown unit " m" in duration "5 m"'),
        ("1e3s", 'time: unknown unit "e" in duration "1e3s"'),
        ("", 'time: invalid duration ""'),
        ("m", 'time: invalid duration "m"'),
        (".", 'time: invalid duration "."'),
        ("9999999999h", 'time: invalid duration "9999999999h"'),
        ("-+5m", 'time: invalid duration "-+5m"'),
        ("∞", r'time: invalid duration "\xe2\x88\x9e"'),
        ("\udcff", r'time: invalid duration "\xff"'),
        ('5"\\\n', r'time: unknown unit "\"\\\x0a" in duration "5\"\\\x0a"'),
    ],
)
def test_durations_refused(text: str, message: str) -> None:
    with pytest.raises(BadRequest) as caught:
        parse_duration(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [(0, "0s"), (1, "1ns"), (1_500, "1.5µs"), (12_300_000, "12.3ms"), (1_234_567_000, "1.234567s"),
     (90_000_000_000, "1m30s"), (300_000_000_000, "5m0s"), (5_400_000_000_000, "1h30m0s"), (-1_000_000_000, "-1s"),
     (2**63 - 1, "2562047h47m16.854775807s")],
)  # fmt: skip
def test_durations_as_go_writes_them(nanoseconds: int, text: str) -> None:
    assert format_duration(nanoseconds) == text


@given(st.integers(-(2**62), 2**62))
def test_a_written_duration_reads_back(nanoseconds: int) -> None:
    assert parse_duration(format_duration(nanoseconds)) == nanoseconds


def test_keep_alive() -> None:
    assert KeepAlive.of_seconds(0.5).nanoseconds == 500_000_000
    assert KeepAlive.of_seconds(-1) == FOREVER == KeepAlive.of_text("-1m")
    assert KeepAlive.of_text("0").is_zero
    assert FOREVER.seconds is None


def test_timestamps_cut_trailing_zeros() -> None:
    assert format_timestamp(1_700_000_000_123_456_000) == "2023-11-14T22:13:20.123456Z"
    assert format_timestamp(1_700_000_000_000_000_000) == "2023-11-14T22:13:20Z"
    assert format_timestamp(1_700_000_000_000_000_001) == "2023-11-14T22:13:20.000000001Z"


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 KB"),
        (1500, "1.5 KB"),
        (10_000_000, "10 MB"),
        (1_999_999, "2.0 MB"),
        (815_319_791, "815 MB"),
        (42_520_413_916, "42 GB"),
        (1_999_999_999_999, "2.0 TB"),
        (2_000_000_000_000, "2 TB"),
    ],
)
def test_sizes_as_people_read_them(count: int, text: str) -> None:
    assert units.format_bytes(count) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (950, "950"),
        (1000, "1K"),
        (537_856, "538K"),
        (133_700_000, "133.70M"),
        (2_000_000, "2M"),
        (8_030_261_312, "8.0B"),
        (3 * 10**9, "3B"),
    ],
)
def test_counts_as_people_read_them(count: int, text: str) -> None:
    assert units.format_count(count) == text


HOUR = 3600


@pytest.mark.parametrize(
    ("ago_s", "text"),
    [
        (0.4, "Less than a second ago"),
        (1.9, "1 second ago"),
        (59, "59 seconds ago"),
        (61, "About a minute ago"),
        (3540, "59 minutes ago"),
        (HOUR, "About an hour ago"),
        (1.5 * HOUR, "2 hours ago"),
        (30 * HOUR, "30 hours ago"),
        (48 * HOUR, "2 days ago"),
        (312 * HOUR, "13 days ago"),
        (14 * 24 * HOUR, "2 weeks ago"),
        (60 * 24 * HOUR, "2 months ago"),
        (12_000 * HOUR, "16 months ago"),
        (2 * 365 * 24 * HOUR, "2 years ago"),
        (-299, "4 minutes from now"),
        (-20.9 * 365 * 24 * HOUR, "20 years from now"),
        (-21 * 365 * 24 * HOUR, "Forever"),
    ],
)
def test_moments_as_people_read_them(ago_s: float, text: str) -> None:
    assert units.format_moment(1e9 - ago_s, now=1e9, never="Never") == text


def test_a_moment_that_never_was() -> None:
    assert units.parse_timestamp("0001-01-01T00:00:00Z") is None
    assert units.parse_timestamp("soon") is None
    assert units.format_moment(None, now=1e9, never="Never") == "Never"


def test_timestamps_have_offsets_and_nine_digits() -> None:
    assert units.parse_timestamp("2026-01-01T01:00:00.123456789+01:00") == pytest.approx(1767225600.123456)


@pytest.mark.parametrize(
    ("text", "rate"),
    [("0", 0), ("500", 500), ("2K", 2048), ("1.5k", 1536), ("5M", 5 << 20), ("1G", 1 << 30), (" 3mb ", 3 << 20)],
)
def test_rates_have_the_units_of_curl(text: str, rate: int) -> None:
    assert parse_rate(text) == rate


@pytest.mark.parametrize("text", ["", "fast", "-1", "1 M", "5MM", "1e6", "9" * 400, "٣", "5MiB/s"])
def test_a_rate_that_is_none(text: str) -> None:
    with pytest.raises(BadRequest, match="invalid rate"):
        parse_rate(text)
