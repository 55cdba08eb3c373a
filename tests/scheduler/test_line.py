"""Who gets the next slot."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tampu.scheduler.line import MOST_PASSES, Asker, Line


def line_of(*askers: tuple[str, int]) -> Line[int]:
    line: Line[int] = Line()
    for number, (client, size) in enumerate(askers):
        line.join(number, Asker(client, size))
    return line


def served(line: Line[int], working: dict[str, int] | None = None) -> list[int]:
    return [line.next(working or {})[0] for _ in range(len(line))]


@pytest.mark.parametrize(
    ("askers", "order"),
    [
        ([("a", 1), ("a", 1), ("a", 1)], [0, 1, 2]),
        ([("a", 1), ("a", 1), ("a", 1), ("b", 1)], [0, 3, 1, 2]),
        ([("a", 1), ("a", 1), ("b", 1), ("c", 1), ("b", 1)], [0, 2, 3, 1, 4]),
        ([("a", 9000), ("a", 1000), ("a", 10_000)], [1, 0, 2]),
        ([("a", 9000), ("a", 2000)], [0, 1]),
        ([("a", 900), ("a", 1)], [0, 1]),
        ([("a", 10_000), *[("a", 1)] * 6], [1, 2, 3, 4, 0, 5, 6]),
        ([("a", 10_000), ("a", 10_000), *[("a", 1)] * 6], [2, 3, 4, 5, 0, 1, 6, 7]),
        ([("b", 10_000), ("a", 1)], [0, 1]),
    ],
)
def test_the_order(askers: list[tuple[str, int]], order: list[int]) -> None:
    assert served(line_of(*askers)) == order


def test_who_uses_fewest_slots_comes_first() -> None:
    assert served(line_of(("a", 1), ("a", 1), ("b", 1)), {"a": 3}) == [2, 0, 1]


def test_who_leaves_is_not_served() -> None:
    line = line_of(("a", 1), ("b", 1), ("a", 1))
    line.remove(0)
    assert list(line) == [1, 2]
    assert served(line) == [1, 2]


askers = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from([0, 10, 500, 4096, 40_000])), max_size=60)


@given(askers)
def test_everybody_is_served_once(found: list[tuple[str, int]]) -> None:
    assert sorted(served(line_of(*found))) == list(range(len(found)))


@given(askers)
def test_nobody_is_passed_by_many_of_its_own(found: list[tuple[str, int]]) -> None:
    order = served(line_of(*found))
    for number, (client, _) in enumerate(found):
        before = order[: order.index(number)]
        assert sum(found[other][0] == client for other in before if other > number) <= MOST_PASSES


@given(askers)
def test_clients_take_turns(found: list[tuple[str, int]]) -> None:
    """While two clients wait, neither is served twice more often than the other."""
    line, turns = line_of(*found), Counter[str]()
    left = Counter(client for client, _ in found)
    for number in served(line):
        client = found[number][0]
        turns[client] += 1
        left[client] -= 1
        waiting = [other for other in left if left[other] > 0]
        assert all(turns[client] - turns[other] <= 1 for other in waiting)
