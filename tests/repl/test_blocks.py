"""Blocks of several lines."""

import pytest

from tampu.repl.blocks import is_open, message_of


@pytest.mark.parametrize(
    ("text", "open_"),
    [
        ("hello", False),
        ('"""', True),
        ('"""one', True),
        ('"""one\ntwo', True),
        ('"""one\ntwo"""', False),
        ('"""all in one"""', False),
        ('say """', False),
        ('"""one\ntwo"""  ', True),
        ('/set system """one"""  ', False),
        ('/set system """You are', True),
        ('/set system """You are\na mule."""', False),
        ("/set system plain", False),
    ],
)
def test_enter_adds_a_line_while_a_block_is_open(text: str, open_: bool) -> None:
    assert is_open(text) is open_


@pytest.mark.parametrize(
    ("text", "message"),
    [('"""one\ntwo"""', "one\ntwo"), ('"""one"""', "one"), ("one\ntwo", "one\ntwo"), ('""""""', ""), ("  ", "  ")],
)
def test_the_message_of_a_text(text: str, message: str) -> None:
    assert message_of(text) == message
