"""How a blob is cut into parts, and what answers mean: rules that hold for all sizes and headers."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from tampu.registry.upload_plan import Outlook, bytes_taken, etag, outlook, part_end, part_size, with_query


@given(st.integers(min_value=0, max_value=10**13))
def test_parts_are_of_a_size_that_registries_bear(total: int) -> None:
    assert 100_000_000 <= part_size(total) <= 1_000_000_000


@given(st.integers(min_value=1, max_value=10**12), st.data())
def test_a_part_ends_on_the_same_border_wherever_it_is_taken_up(total: int, data: st.DataObject) -> None:
    start = data.draw(st.integers(min_value=0, max_value=total - 1))
    end = part_end(start, total)
    assert start < end <= total
    assert end == total or end % part_size(total) == 0
    assert part_end(end - 1, total) == end


@pytest.mark.parametrize(
    ("header", "taken"),
    [("0-99", 100), ("bytes=0-99", 100), (" 0-99 ", 100), ("0-0", 0), ("", None), ("5-99", None), ("0--1", None),
     ("x", None), ("0-99/100", None), ("0-٣", None)],
)  # fmt: skip
def test_what_a_registry_says_that_it_has(header: str, taken: int | None) -> None:
    assert bytes_taken({"Range": header}) == taken


def test_a_registry_that_does_not_say_what_it_has() -> None:
    assert bytes_taken({}) is None


def test_the_etag_is_that_of_stores_that_take_parts() -> None:
    each = [hashlib.md5(part).hexdigest() for part in (b"a", b"b")]  # noqa: S324  # the protocol's own hash
    whole = hashlib.md5(bytes.fromhex("".join(each))).hexdigest()  # noqa: S324  # the protocol's own hash
    assert etag(each) == f"{whole}-2"


def test_queries_are_added_in_order_and_encoded() -> None:
    address = with_query(URL("http://r/up?_state=a%3D%3D&z=", encoded=True), digest="sha256:ab", etag="x-1")
    assert str(address) == "http://r/up?_state=a%3D%3D&digest=sha256%3Aab&etag=x-1&z="


@pytest.mark.parametrize(
    ("code", "expected"),
    [(403, Outlook.REFUSED), (413, Outlook.REFUSED), (404, Outlook.BEGIN_ANEW), (416, Outlook.BEGIN_ANEW),
     (408, Outlook.RETRY), (429, Outlook.RETRY), (500, Outlook.RETRY), (503, Outlook.RETRY)],
)  # fmt: skip
def test_only_what_may_pass_is_tried_again(code: int, expected: Outlook) -> None:
    assert outlook(code) is expected
