"""What is known of an answer with vectors before it is encoded."""

import pytest

from tampu.api.native.embed import EMBED_CODEC
from tampu.api.openai.embeddings import CODEC
from tampu.generation import Embeddings


@pytest.mark.parametrize("codec", [EMBED_CODEC, CODEC], ids=["native", "openai"])
@pytest.mark.parametrize(("count", "is_long"), [(1, False), (16, False), (17, True), (256, True)])
def test_many_vectors_are_encoded_where_nobody_waits(codec, count, is_long):
    assert codec.is_long(Embeddings(((0.5,),) * count, 1)) is is_long
