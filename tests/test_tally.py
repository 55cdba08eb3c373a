"""The table of agreement: what it counts, and which runs it fails."""

import contextlib

import pytest

from tests.differences import KINDS, kind, lines
from tests.tally import Counts, Tally, complaints, table

BROKEN, OURS = "A stuck answer has an end", "What was left out of the prompt is told"
ALL_LINES = [name for name, said in lines().items() if said]


def counted(*, cases: int, ours: int) -> dict[str, Counts]:
    """Two parts of a folder in which every line explains a case, and `ours` cases are a choice of ours."""
    others = [[name] for name in ALL_LINES if kind([name]) != "ours"]
    of_ours = [[name] for name in ALL_LINES if kind([name]) == "ours"][:ours]
    return {
        "http/chat": Counts(cases // 2, others),
        "http/embed": Counts(cases - cases // 2, of_ours + [[OURS]] * (ours - len(of_ours))),
    }


def test_a_case_counts_as_what_convinces_least() -> None:
    assert (kind([BROKEN]), kind([OURS]), kind([BROKEN, OURS]), kind([OURS, BROKEN])) == ("broken", *["ours"] * 3)


def test_a_line_has_a_kind_before_it_explains_anything() -> None:
    nameless = next(name for name, said in lines().items() if said is None)
    with pytest.raises(ValueError, match="no known kind"):
        kind([nameless])
    with pytest.raises(KeyError):
        kind(["No such line"])
    assert {said for said in lines().values() if said} == set(KINDS)


def test_the_bar_is_that_of_a_folder() -> None:
    assert complaints(counted(cases=1000, ours=30)) == []
    (told,) = complaints(counted(cases=1000, ours=31))
    assert told == "http: 31 of 1000 cases differ by a choice of ours; 3% may"


def test_a_line_that_explains_nothing_is_told() -> None:
    parts = counted(cases=1000, ours=30)
    parts["http/chat"].explained.remove([BROKEN])
    assert complaints(parts) == [
        f"docs/differences.md: {BROKEN!r} has a kind and explains no recorded case",
    ]


def test_a_failing_block_is_a_case_that_differs_whatever_explains_it() -> None:
    tally = Tally()
    with tally.case("http/chat") as case:
        case.line = BROKEN
    with contextlib.suppress(AssertionError), tally.case("http/chat") as case:
        case.line = BROKEN
        raise AssertionError
    assert tally.parts["http/chat"] == Counts(2, [[BROKEN]], 1)


def test_the_table_tells_kinds_by_part_and_folder() -> None:
    chat = Counts(67, [[BROKEN]] * 4 + [[OURS]])
    parts = {"http/chat": chat, "http/names": Counts(33), "cli": Counts(5, differ=1)}
    told = list(table(parts))
    assert told[1:] == [
        "cli                                   5      4         0       1",
        "http/chat                            67     62         5       0  7.5%: 4 broken, 1 ours",
        "http/names                           33     33         0       0",
        "",
        "cli/*                                 5      4         0       1",
        "http/*                              100     95         5       0  5.0%: 4 broken, 1 ours",
        "all                                 105     99         5       1  4.8%: 4 broken, 1 ours",
    ]
