"""Lists on the whole terminal to choose from with the keyboard: by arrows, and by typing a part of what is meant.

What is on the screen is a pure function of the list and of what was pressed so far; the screen that was there before
comes back afterwards.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final

from wcwidth import wcwidth

from tampu.terminal.console import BOLD, GREY, HIDE_CURSOR, RESET, SHOW_CURSOR, Console, printable
from tampu.terminal.keyboard import Key, Keyboard, Pressed, keyboard
from tampu.terminal.progress import BEGIN_FRAME, END_FRAME

_OTHER_SCREEN: Final = "\x1b[?1049h"
_OWN_SCREEN: Final = "\x1b[?1049l"
_CLEAR: Final = "\x1b[2J\x1b[H"
_POINTER: Final = "▸ "
_BESIDE: Final = "  "
_HEAD_AND_FOOT: Final = 4
"""Lines that the title, the footer and the blank ones beside them take."""


@dataclass(frozen=True, slots=True)
class Row:
    """What can be chosen, and what is said of it. `value`: what choosing it means."""

    title: str
    note: str = ""
    value: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """A list with a title. `types`: letters are searched for; `free`: what is typed may be chosen though no row has it.

    `lead`: lines above the rows.
    """

    title: str
    rows: Sequence[Row]
    lead: Sequence[str] = ()
    types: bool = False
    free: str = ""


@dataclass(frozen=True, slots=True)
class View:
    """A page, where the pointer stands among the rows that are shown, and what was typed."""

    page: Page
    at: int = 0
    typed: str = ""

    @property
    def rows(self) -> Sequence[Row]:
        """The rows that have what was typed; behind them that text itself where it may be chosen."""
        wanted = self.typed.lower().split()
        found = [row for row in self.page.rows if all(part in f"{row.title} {row.note}".lower() for part in wanted)]
        if self.page.free and self.typed.strip() and all(row.value != self.typed.strip() for row in found):
            found.append(Row(self.page.free.format(self.typed.strip()), value=self.typed.strip()))
        return found

    def moved(self, by: int) -> "View":
        """With the pointer so many rows further, as far as there are rows."""
        return replace(self, at=max(0, min(self.at + by, len(self.rows) - 1)))

    def typing(self, text: str) -> "View":
        """With another text typed; the pointer goes to the first row that has it."""
        return replace(self, typed=text, at=0)


class Screen:
    """The whole terminal, taken for lists."""

    def __init__(self, console: Console, keys: Keyboard) -> None:
        self._console, self._keys = console, keys

    def choose(self, page: Page, *, at: int = 0) -> str | None:
        """The value of the row that is chosen; None for Escape. Raises KeyboardInterrupt for Ctrl-C."""
        view = View(page).moved(at)
        while True:
            self._draw(view)
            match _meant(self._keys.read(), page):
                case Key.ENTER:
                    if view.rows:
                        return view.rows[view.at].value
                case Key.ESCAPE:
                    if not view.typed:
                        return None
                    view = view.typing("")
                case Key.STOP:
                    raise KeyboardInterrupt
                case key:
                    view = _after(view, key, page_rows=self._rows_shown(page))

    def ask(self, title: str, *, lead: Sequence[str] = ()) -> str | None:
        """A text that is typed; None for Escape or no text."""
        return self.choose(Page(title, (), lead=lead, types=True, free="{}"))

    def tell(self, text: str) -> None:
        """Show one line until the next page."""
        self._console.write(f"{_CLEAR}{_cut(text, self._console.width)}")

    def _rows_shown(self, page: Page) -> int:
        return max(1, self._console.height - _HEAD_AND_FOOT - len(page.lead) - (2 if page.types else 0))

    def _draw(self, view: View) -> None:
        room = self._rows_shown(view.page)
        lines = drawn(view, columns=self._console.width, rows=room, coloured=self._console.colour)
        text = "\n".join(lines[: self._console.height])
        self._console.write(f"{BEGIN_FRAME}{_CLEAR}{text}{END_FRAME}")


@contextmanager
def screen(console: Console) -> Iterator[Screen]:
    """The terminal for lists; what was on it before comes back at the end, however that comes."""
    with keyboard() as keys:
        console.write(f"{_OTHER_SCREEN}{HIDE_CURSOR}")
        try:
            yield Screen(console, keys)
        finally:
            console.write(f"{_CLEAR}{SHOW_CURSOR}{_OWN_SCREEN}")


_LETTERS: Final[Mapping[Pressed, Key]] = {
    "k": Key.UP,
    "j": Key.DOWN,
    "l": Key.ENTER,
    " ": Key.ENTER,
    "h": Key.ESCAPE,
    "q": Key.ESCAPE,
}
"""What letters do where they are not searched for."""


def _meant(key: Pressed, page: Page) -> Pressed:
    return key if page.types else _LETTERS.get(key, key)


def _after(view: View, key: Pressed, *, page_rows: int) -> View:
    """The view after a key that ends nothing."""
    steps: dict[Pressed, int] = {
        Key.UP: -1,
        Key.DOWN: 1,
        Key.PAGE_UP: -page_rows,
        Key.PAGE_DOWN: page_rows,
        Key.FIRST: -len(view.rows),
        Key.LAST: len(view.rows),
    }
    if key in steps:
        return view.moved(steps[key])
    if view.page.types and key in (Key.BACKSPACE, Key.CLEAR):
        return view.typing("" if key is Key.CLEAR else view.typed[:-1])
    if view.page.types and isinstance(key, str):
        return view.typing((view.typed + key).lstrip())
    return view


def drawn(view: View, *, columns: int, rows: int, coloured: bool) -> list[str]:
    """The lines of the screen, none wider than it. Of the rows as many are drawn as there is room for."""
    page, shown = view.page, view.rows
    bold, grey, plain = (BOLD, GREY, RESET) if coloured else ("", "", "")
    lines = [f"{bold}{_cut(page.title, columns)}{plain}", "", *(_cut(line, columns) for line in page.lead)]
    if page.types:
        lines += [_cut(f"> {view.typed}", columns) if view.typed else f"{grey}{_cut('> type', columns)}{plain}", ""]
    first = max(0, min(view.at - rows // 2, len(shown) - rows))
    width = max((_cells(row.title) for row in shown), default=0)
    for place, row in enumerate(shown[first : first + rows], first):
        lead, weight = (_POINTER, bold) if place == view.at else (_BESIDE, "")
        title = _cut(lead + row.title, columns)
        gap = " " * (width - _cells(row.title) + 2) if row.note else ""
        note = _cut(gap + row.note, columns - _cells(title))
        lines.append(
            f"{weight}{title}{plain if weight else ''}{grey}{note}{plain}" if note else f"{weight}{title}{plain}"
        )
    footer = "↑/↓ move • enter choose • esc back" + ("" if page.types else " • ctrl-c quit")
    return [*lines, "", f"{grey}{_cut(footer, columns)}{plain}"]


def _cut(text: str, columns: int) -> str:
    """As much of `text` as fits into so many columns."""
    kept, used = "", 0
    for character in printable(text):
        cells = wcwidth(character)
        used += max(0, cells)
        if used > columns:
            break
        # A line break or a tab has no width of its own.
        kept += character if cells >= 0 else ""
    return kept


def _cells(text: str) -> int:
    return sum(max(0, wcwidth(character)) for character in text)
