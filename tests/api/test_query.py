"""Queries: fields, and numbers that anybody may write."""

from collections.abc import Callable

import pytest

from tampu.api.anthropic.models import LIST_CODEC
from tampu.api.dialect import Call
from tampu.api.openai.responses.stored import ITEMS_CODEC
from tampu.api.query import query_fields, whole_number
from tampu.errors import BadRequest


def test_of_several_fields_of_one_name_the_last_counts() -> None:
    assert query_fields("a=1&b=x%20y&a=2&c=") == {"a": "2", "b": "x y", "c": ""}


@pytest.mark.parametrize("text", ["", "-1", "+1", "1.5", "1e3", "²", "１", " 1", "9" * 10, "9" * 10_000])
def test_what_is_no_plain_number_is_none(text: str) -> None:
    assert whole_number(text) is None


def test_a_plain_number_may_begin_with_zeros() -> None:
    assert (whole_number("0"), whole_number("007"), whole_number("9" * 9)) == (0, 7, 10**9 - 1)


@pytest.mark.parametrize("decode", [LIST_CODEC.decode, ITEMS_CODEC.decode], ids=["models", "items"])
@pytest.mark.parametrize("limit", ["0", "-1", "x", "010005555", "100" + "0" * 5000])
def test_a_limit_that_is_none_is_the_callers_mistake(decode: Callable[[Call], object], limit: str) -> None:
    with pytest.raises(BadRequest, match="limit must be between 1 and"):
        decode(Call(b"", {"id": "resp_1"}, query=f"limit={limit}"))
