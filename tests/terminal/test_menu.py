"""What the lists look like and how they follow the keys, without a terminal."""

import io
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wcwidth import wcswidth

from tampu.terminal.console import Console
from tampu.terminal.keyboard import Key, Pressed
from tampu.terminal.menu import Page, Row, Screen, View, drawn

FRUIT = Page("Fruit", tuple(Row(name, f"{len(name)} letters", name) for name in ("apple", "pear", "plum", "quince")))
SEARCHED = Page("Fruit", FRUIT.rows, types=True, free="Plant {}")


class Keys:
    """A keyboard on which a test presses."""

    def __init__(self, pressed: Sequence[Pressed]) -> None:
        self._pressed = list(pressed)

    def read(self) -> Pressed:
        return self._pressed.pop(0)


def chosen(page: Page, *pressed: Pressed) -> str | None:
    console = Console(io.StringIO(), io.StringIO(), io.StringIO())
    return Screen(console, Keys(pressed)).choose(page)


@pytest.mark.parametrize(
    ("page", "pressed", "value"),
    [
        (FRUIT, [Key.ENTER], "apple"),
        (FRUIT, [Key.DOWN, "j", Key.UP, Key.ENTER], "pear"),
        (FRUIT, [Key.UP, Key.LAST, Key.DOWN, "j", Key.ENTER], "quince"),
        (FRUIT, [Key.PAGE_DOWN, Key.FIRST, Key.RESIZED, Key.OTHER, "x", Key.ENTER], "apple"),
        (FRUIT, [Key.ESCAPE], None),
        (FRUIT, ["q"], None),
        (FRUIT, ["j", "k", "j", " "], "pear"),
        (SEARCHED, ["q", " ", Key.ENTER], "quince"),
        (SEARCHED, ["p", "L", Key.ENTER], "apple"),
        (SEARCHED, ["p", "l", "u", Key.ENTER], "plum"),
        (SEARCHED, ["p", "l", "u", Key.CLEAR, Key.ENTER], "apple"),
        (SEARCHED, ["p", "e", Key.BACKSPACE, Key.BACKSPACE, "q", Key.ENTER], "quince"),
        (SEARCHED, ["p", Key.ESCAPE, Key.ESCAPE], None),
        (SEARCHED, ["f", "i", "g", Key.ENTER], "fig"),
        (SEARCHED, ["p", "e", "a", "r", Key.LAST, Key.ENTER], "pear"),
        (SEARCHED, ["p", "e", "a", Key.LAST, Key.ENTER], "pea"),
    ],
)
def test_choosing(page: Page, pressed: list[Pressed], value: str | None) -> None:
    assert chosen(page, *pressed) == value


def test_nothing_to_choose_is_not_chosen() -> None:
    assert chosen(Page("Empty", ()), Key.ENTER, Key.DOWN, Key.ENTER, Key.ESCAPE) is None


def test_interrupting() -> None:
    with pytest.raises(KeyboardInterrupt):
        chosen(FRUIT, Key.STOP)


def test_a_page() -> None:
    assert drawn(View(FRUIT, at=1), columns=80, rows=2, coloured=False) == [
        "Fruit",
        "",
        "  apple   5 letters",
        "▸ pear    4 letters",
        "",
        "↑/↓ move • enter choose • esc back • ctrl-c quit",
    ]


def test_the_pointer_is_always_in_sight() -> None:
    rows = [Row(str(number)) for number in range(100)]
    for at in range(100):
        assert f"▸ {at}" in drawn(View(Page("", rows), at=at), columns=20, rows=5, coloured=False)


@given(
    titles=st.lists(st.text(max_size=30), max_size=8),
    typed=st.text(max_size=30),
    columns=st.integers(1, 60),
    rows=st.integers(1, 6),
)
def test_no_line_is_wider_than_the_screen(titles: list[str], typed: str, columns: int, rows: int) -> None:
    page = Page("A title", [Row(title, "a note") for title in titles], lead=("some lead",), types=True, free="Get {}")
    lines = drawn(View(page, typed=typed), columns=columns, rows=rows, coloured=False)
    assert all(0 <= wcswidth(line) <= columns for line in lines)
    assert len(lines) <= rows + 7
