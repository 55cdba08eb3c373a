"""Where the keys that jump over words stop."""

import pytest

from tampu.repl.words import word_end, word_start

TEXT = "foo-bar, baz.qux  end"


def test_backwards() -> None:
    stops = [len(TEXT)]
    while stops[-1]:
        stops.append(word_start(TEXT, stops[-1]))
    assert stops == [21, 18, 9, 0]
    assert word_start(TEXT, 17) == 9
    assert word_start("   ", 2) == 0


def test_forwards() -> None:
    stops = [0]
    while stops[-1] < len(TEXT):
        stops.append(word_end(TEXT, stops[-1]))
    assert stops == [0, 8, 16, 17, 21]
    assert word_end(TEXT, len(TEXT)) == len(TEXT)


@pytest.mark.parametrize(("text", "start", "end"), [("one\ntwo", 4, 7), ("\n", 0, 1), ("你好 世界", 3, 5)])
def test_lines_and_wide_characters(text: str, start: int, end: int) -> None:
    assert word_start(text, len(text)) == start
    assert word_end(text, start) == end
