"""Marks for images."""

import pytest

from tampu.messages import Message
from tampu.templates.images import tag_images


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
