"""The engine's vectors, in both of the forms in which engines write them."""

import base64
import math
import struct

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tampu.engine.vectors import VectorsAnswer, vectors_body

SINGLE = st.floats(width=32, allow_nan=False)


def base64_of(numbers: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()


def answer(*embeddings: object) -> VectorsAnswer:
    data = [{"embedding": item, "index": index} for index, item in enumerate(embeddings)]
    raw = msgspec.json.encode({"data": data[::-1], "usage": {"prompt_tokens": 7}})
    return msgspec.json.decode(raw, type=VectorsAnswer)


@given(st.lists(SINGLE, max_size=40))
def test_numbers_come_as_they_were(numbers: list[float]) -> None:
    found = answer(base64_of(numbers), base64_of([1.0])).vectors()
    assert (found.vectors, found.tokens) == ((tuple(numbers), (1.0,)), 7)


def test_text_is_read_too() -> None:
    found = answer([0.5, 1], [None, 2.0]).vectors()
    assert found.vectors[0] == (0.5, 1.0)
    assert math.isnan(found.vectors[1][0])


def test_what_is_no_number_is_kept() -> None:
    (vector,) = answer(base64_of([math.nan, math.inf])).vectors().vectors
    assert math.isnan(vector[0])
    assert math.isinf(vector[1])


@pytest.mark.parametrize(("normalize", "norm"), [(True, 2), (False, -1)])
def test_the_body(normalize: bool, norm: int) -> None:
    body = vectors_body(["text", (1, 2)], normalize=normalize)
    assert body == {"input": ["text", [1, 2]], "encoding_format": "base64", "embd_normalize": norm}
