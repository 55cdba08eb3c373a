"""How many recorded cases agree with Ollama, counted while tests play them; `make golden` prints the table.

A test that plays one case bears the mark `recorded(part)`, and says `record_property("explained", True)` where our
answer differs on purpose. One that plays many takes the fixture `tally`: `with tally.case(part)` around each, or
`tally.add` for what is counted elsewhere. A case differs if its test fails, or its block raises.
"""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

_COUNTED, _MARKED, _EXPLAINED = "counted", "recorded", "explained"
_MOST_EXPLAINED = 0.03
"""The share of a part beyond which the table marks it."""


@dataclass
class Counts:
    """Of one part: how many cases were played, differ on purpose, and differ by mistake."""

    cases: int = 0
    explained: int = 0
    differ: int = 0

    def add(self, cases: int, explained: int = 0, differ: int = 0) -> None:
        self.cases += cases
        self.explained += explained
        self.differ += differ


@dataclass
class Case:
    """One case while it is played."""

    is_explained: bool = False


@dataclass
class Tally:
    """What one test played."""

    parts: dict[str, Counts] = field(default_factory=lambda: defaultdict(Counts))

    def add(self, part: str, cases: int, explained: int = 0, differ: int = 0) -> None:
        self.parts[part].add(cases, explained, differ)

    @contextmanager
    def case(self, part: str) -> Iterator[Case]:
        case = Case()
        try:
            yield case
        except BaseException:
            self.add(part, 1, differ=1)
            raise
        self.add(part, 1, explained=int(case.is_explained))


_ALL = pytest.StashKey[dict[str, Counts]]()


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Iterator[Tally]:
    counted = Tally()
    yield counted
    for part, counts in counted.parts.items():
        request.node.user_properties.append((_COUNTED, [part, counts.cases, counts.explained, counts.differ]))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--agreement", action="store_true", help="play the recordings only, and print what agrees")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_ALL] = defaultdict(Counts)
    config.pluginmanager.register(_Collector(config))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        item.user_properties += [(_MARKED, *mark.args) for mark in item.iter_markers(_MARKED)]
    if not config.getoption("--agreement"):
        return
    plays = [item for item in items if item.user_properties or "tally" in getattr(item, "fixturenames", ())]
    config.hook.pytest_deselected(items=[item for item in items if item not in plays])
    items[:] = plays


class _Collector:
    """Reads what the tests counted off their reports, wherever they ran."""

    def __init__(self, config: pytest.Config) -> None:
        self._parts = config.stash[_ALL]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        told = dict(report.user_properties)
        if report.when == "call" and _MARKED in told:
            self._parts[told[_MARKED]].add(1, int(_EXPLAINED in told and report.passed), int(report.failed))
        if report.when == "teardown":
            for part, *counts in (value for name, value in report.user_properties if name == _COUNTED):
                self._parts[part].add(*counts)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if config.getoption("--agreement"):
        terminalreporter.section("agreement with Ollama")
        terminalreporter.write_line("\n".join(table(config.stash[_ALL])))


def table(parts: dict[str, Counts]) -> Iterator[str]:
    """The lines of the table: a part a line, and all together."""
    yield f"{'part':32} {'cases':>6} {'agree':>6} {'explained':>9} {'differ':>7}"
    total = Counts()
    for part, counts in sorted(parts.items()):
        yield _row(part, counts)
        total.add(counts.cases, counts.explained, counts.differ)
    yield _row("all", total)


def _row(part: str, counts: Counts) -> str:
    agree = counts.cases - counts.explained - counts.differ
    share = counts.explained / max(counts.cases, 1)
    told = f"  {share:.1%} explained" if share > _MOST_EXPLAINED else ""
    return f"{part:32} {counts.cases:6} {agree:6} {counts.explained:9} {counts.differ:7}{told}"
