"""Newlines among keys: alone a person's, in a burst the end of a line."""

from prompt_toolkit.key_binding import KeyPress
from prompt_toolkit.keys import Keys

from tampu.repl.keys import with_bursts

NEWLINE = KeyPress(Keys.ControlJ, "\n")
LETTER = KeyPress("a", "a")
ENTER = KeyPress(Keys.ControlM, "\r")


def test_a_newline_alone_is_kept() -> None:
    assert with_bursts([NEWLINE]) == [NEWLINE]
    assert with_bursts([]) == []


def test_a_newline_in_a_burst_is_enter() -> None:
    assert with_bursts([LETTER, NEWLINE, LETTER, NEWLINE]) == [LETTER, ENTER, LETTER, ENTER]
