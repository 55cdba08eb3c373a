"""Marks for images."""

import pytest

from tampu.errors import BadRequest
from tampu.messages import Message
from tampu.templates.images import tag_images, with_markers


@pytest.mark.parametrize(
    ("content", "count", "tagged"),
    [
        ("text", 0, "text"),
        ("[img] stays", 0, "[img] stays"),
        ("text", 2, "[img-0][img-1]text"),
        ("[img] and [img]?", 2, "[img-0] and [img-1]?"),
        ("first [img] then", 2, "[img-1]first [img-0] then"),
        ("[img][img]", 1, "[img-0][img]"),
        ("", 1, "[img-0]"),
    ],
)
def test_marks(content, count, tagged):
    (message,) = tag_images([Message("user", content, images=(b"x",) * count)])
    assert message.content == tagged


def test_numbers_run_over_all_messages():
    messages = [
        Message("user", "a", images=(b"1", b"2")),
        Message("assistant", "b"),
        Message("user", "c", images=(b"3",)),
    ]
    assert [message.content for message in tag_images(messages)] == ["[img-0][img-1]a", "b", "[img-2]c"]


ONE, TWO, THREE = b"1", b"2", b"3"


@pytest.mark.parametrize(
    ("text", "images", "marked", "order"),
    [
        ("no images [img-0]", (), "no images [img-0]", ()),
        ("a [img-0] b", (ONE,), "a <M> b", (ONE,)),
        ("[img-2]see [img-0] and [img-1]", (ONE, TWO, THREE), "<M>see <M> and <M>", (THREE, ONE, TWO)),
        ("[img-0] or [img-0]", (ONE,), "<M> or [img-0]", (ONE,)),
        ("none", (ONE, TWO), "<M><M>none", (ONE, TWO)),
        ("[img-1] only", (ONE, TWO), "<M><M> only", (ONE, TWO)),
        ("[img-x][img-][img-0", (ONE,), "<M>[img-x][img-][img-0", (ONE,)),
        ("[img-\u0660]", (ONE,), "<M>[img-\u0660]", (ONE,)),
    ],
)
def test_markers(text, images, marked, order):
    assert with_markers(text, images, "<M>") == (marked, order)


@pytest.mark.parametrize("number", ["1", "00000000007", "9" * 5000])
def test_a_mark_without_an_image_is_refused(number):
    with pytest.raises(BadRequest, match=f"invalid image index: {number[:9]}"):
        with_markers(f"see [img-{number}]", (ONE,), "<M>")
