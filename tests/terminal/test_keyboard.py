"""What a terminal sends, as keys."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tampu.terminal.keyboard import Key, keys_in


@pytest.mark.parametrize(
    ("sent", "keys"),
    [
        ("ab", ["a", "b"]),
        ("\x1b[A\x1bOB", [Key.UP, Key.DOWN]),
        ("\x1b", [Key.ESCAPE]),
        ("\x1b[5~\x1b[H", [Key.PAGE_UP, Key.FIRST]),
        ("\x1b[1;5C", [Key.OTHER]),
        ("\x1bx", [Key.OTHER]),
        ("\r\x7f\x03", [Key.ENTER, Key.BACKSPACE, Key.STOP]),
        ("好", ["好"]),
        ("\x00\x07", [Key.OTHER, Key.OTHER]),
    ],
)
def test_keys(sent: str, keys: list[object]) -> None:
    assert keys_in(sent) == keys


@given(st.text(max_size=20))
def test_whatever_is_sent_is_keys(sent: str) -> None:
    assert all(isinstance(key, Key) or (len(key) == 1 and key.isprintable()) for key in keys_in(sent))
