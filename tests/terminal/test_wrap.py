"""Word wrap: recorded bytes, and laws that hold for any text in any pieces."""

import pyte
from hypothesis import given
from hypothesis import strategies as st

from tampu.terminal.wrap import WordWrap


def wrapped(text: str, width: int) -> str:
    return WordWrap(width).feed(text)


def on_screen(text: str, width: int) -> list[str]:
    screen = pyte.Screen(width, 60)
    screen.set_mode(pyte.modes.LNM)
    pyte.Stream(screen).feed(wrapped(text, width))
    return [line.rstrip() for line in screen.display if line.strip()]


def test_a_word_that_does_not_fit_is_taken_back() -> None:
    text = "The quick caravan of seventeen llamas climbed slowly over the windy pass, resting at every stone"
    assert wrapped(text, 80) == text.replace("resting", "r\x1b[1D\x1b[K\nresting")


def test_wide_characters_break_anywhere() -> None:
    assert wrapped("山路很长，骆马慢慢地走。", 21) == "山路很长，骆马慢\x1b[K\n慢地走。"


def test_signs_made_wide_count_two() -> None:
    text = "rain 🌧️🌧️🌧️ and snow ❄️ at night 🌙. Family"
    assert wrapped(text, 40) == "rain 🌧️🌧️🌧️ and snow ❄️ at night 🌙\x1b[K\n. Family"


def test_a_word_longer_than_the_line_is_written_once() -> None:
    word = "https://example.org/" + "a" * 100
    assert on_screen(f"see {word} there", 40) == [f"see {word}"[:40], word[36:76], word[76:116], f"{word[116:]} there"]
    assert on_screen(f"seventeen llamas and {word}", 40) == ["seventeen llamas and", word[:40], word[40:80], word[80:]]


def test_a_narrow_screen_is_left_to_the_terminal() -> None:
    assert wrapped("one two three four", 9) == "one two three four"


@given(st.text(alphabet="ab \n\t山🌙é", max_size=200), st.integers(10, 60), st.data())
def test_pieces_do_not_matter(text: str, width: int, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(text)))
    wrap = WordWrap(width)
    assert wrap.feed(text[:cut]) + wrap.feed(text[cut:]) == wrapped(text, width)


@given(st.lists(st.text(alphabet="abcdefg", min_size=1, max_size=12), max_size=60), st.integers(30, 80))
def test_every_word_is_whole_on_the_screen(words: list[str], width: int) -> None:
    shown = on_screen(" ".join(words), width)
    assert " ".join(shown).split() == words
    assert all(len(line) <= width for line in shown)
