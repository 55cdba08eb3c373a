"""Which bytes a request wants."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tampu.api.registry.spans import Span, wanted_span

ETAG = '"sha256:aa"'


@pytest.mark.parametrize(
    ("header", "span"),
    [
        ("", Span(0, 10)),
        ("bytes=0-3", Span(0, 4, is_part=True)),
        ("bytes=0-99", Span(0, 10, is_part=True)),
        ("bytes=9-", Span(9, 10, is_part=True)),
        ("bytes=-4", Span(6, 10, is_part=True)),
        ("bytes=-99", Span(0, 10, is_part=True)),
        ("BYTES=1-1", Span(1, 2, is_part=True)),
        ("bytes=10-", None),
        ("bytes=-0", None),
        ("bytes=5-4", Span(0, 10)),
        ("bytes=0-1,3-4", Span(0, 10)),
        ("bytes=-", Span(0, 10)),
        ("bytes=a-b", Span(0, 10)),
        ("items=0-3", Span(0, 10)),
        ("bytes=" + "9" * 10_000 + "-", Span(0, 10)),
        ("bytes=１-２", Span(0, 10)),
    ],
)
def test_ranges(header: str, span: Span | None) -> None:
    assert wanted_span(header, "", size=10, etag=ETAG) == span


def test_a_range_of_another_file_is_not_honoured() -> None:
    assert wanted_span("bytes=2-3", '"sha256:bb"', size=10, etag=ETAG) == Span(0, 10)
    assert wanted_span("bytes=2-3", f"W/{ETAG}", size=10, etag=ETAG) == Span(0, 10)
    assert wanted_span("bytes=2-3", ETAG, size=10, etag=ETAG) == Span(2, 4, is_part=True)


def test_nothing_of_an_empty_file_can_be_a_part() -> None:
    assert wanted_span("", "", size=0, etag=ETAG) == Span(0, 0)
    assert wanted_span("bytes=0-", "", size=0, etag=ETAG) is None
    assert wanted_span("bytes=-1", "", size=0, etag=ETAG) is None


@given(st.text(max_size=40), st.integers(0, 1 << 50))
def test_no_header_reaches_outside_the_file(header: str, size: int) -> None:
    for text in (header, f"bytes={header}"):
        span = wanted_span(text, "", size=size, etag=ETAG)
        assert span is None or 0 <= span.start <= span.end <= size
        assert span is None or not span.is_part or span.start < span.end


@given(st.integers(0, 1 << 40), st.integers(0, 1 << 40), st.integers(1, 1 << 40))
def test_a_good_range_is_what_it_says(first: int, last: int, size: int) -> None:
    span = wanted_span(f"bytes={first}-{last}", "", size=size, etag=ETAG)
    if first <= last and first < size:
        assert span == Span(first, min(last + 1, size), is_part=True)
