"""Pages of names."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tampu.api.dialect import Call
from tampu.api.registry.lists import CATALOG_CODEC, TAGS_CODEC
from tampu.errors import InvalidParameter


@given(st.sets(st.text("abc/-_", min_size=1, max_size=6), max_size=20), st.integers(1, 7))
def test_following_the_links_gives_every_name_once(names: set[str], count: int) -> None:
    query, seen, pages = f"n={count}", [], 0
    while True:
        reply = CATALOG_CODEC.encode(CATALOG_CODEC.decode(Call(query=query)), sorted(names))
        seen += json.loads(reply.body)["repositories"]
        pages += 1
        link = dict(reply.headers).get("link")
        if link is None:
            break
        match = re.fullmatch(r'</v2/_catalog\?(.*)>; rel="next"', link)
        assert match is not None
        query = match[1]
    assert seen == sorted(names)
    assert pages == max(1, -(-len(names) // count))


@pytest.mark.parametrize("query", ["n=0", "n=-1", "n=x", "n=1.5", "n=" + "9" * 50, "n=１"])
def test_a_count_that_is_none_is_refused(query: str) -> None:
    with pytest.raises(InvalidParameter) as refused:
        CATALOG_CODEC.decode(Call(query=query))
    reply = CATALOG_CODEC.encode_error(refused.value)
    assert reply.status == 400
    assert json.loads(reply.body)["errors"][0]["code"] == "PAGINATION_NUMBER_INVALID"


def test_tags_name_their_repository() -> None:
    call = TAGS_CODEC.decode(Call(parameters={"name": "hf.co/me/x"}, query="n=1&last=a"))
    reply = TAGS_CODEC.encode(call, ["a", "b", "c"])
    assert json.loads(reply.body) == {"name": "hf.co/me/x", "tags": ["b"]}
    assert dict(reply.headers)["link"] == '</v2/hf.co/me/x/tags/list?last=b&n=1>; rel="next"'
