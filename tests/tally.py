"""How many recorded cases agree with Ollama, counted while tests play them; `make golden` prints the table.

A test that plays one case bears the mark `recorded(part)`, and says `record_property("explained", NAMES)` where our
answer differs on purpose: NAMES is a list, of lines of docs/differences.md. One that plays many takes the fixture
`tally`: `with tally.case(part)` around each, or `tally.add` for what is counted elsewhere. A case differs if its test
fails, or its block raises. Explained cases are counted by the kind of their lines.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from tests.differences import KINDS, OURS, kind, lines

Names = list[str]
"""Of lines of docs/differences.md."""
_COUNTED, _MARKED, _EXPLAINED = "counted", "recorded", "explained"
MOST_OURS = 0.03
"""The share of a folder of recordings that may differ for no better reason than a choice of ours."""


@dataclass
class Counts:
    """Of one part: how many cases were played, differ by mistake, and on purpose: the lines for each of these."""

    cases: int = 0
    explained: list[Names] = field(default_factory=list)
    differ: int = 0

    def add(self, cases: int, explained: Iterable[Names] = (), differ: int = 0) -> None:
        self.cases += cases
        self.explained += explained
        self.differ += differ

    @property
    def kinds(self) -> Counter[str]:
        return Counter(kind(names) for names in self.explained)


@dataclass
class Case:
    """One case while it is played; `line` names the difference that explains it, if it differs on purpose."""

    line: str | None = None


@dataclass
class Tally:
    """What one test played."""

    parts: dict[str, Counts] = field(default_factory=lambda: defaultdict(Counts))

    def add(self, part: str, cases: int, explained: Iterable[Names] = (), differ: int = 0) -> None:
        self.parts[part].add(cases, explained, differ)

    @contextmanager
    def case(self, part: str) -> Iterator[Case]:
        case = Case()
        try:
            yield case
        except BaseException:
            self.add(part, 1, differ=1)
            raise
        self.add(part, 1, [[case.line]] if case.line else [])


_ALL = pytest.StashKey[dict[str, Counts]]()


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Iterator[Tally]:
    counted = Tally()
    yield counted
    for part, counts in counted.parts.items():
        told = [part, counts.cases, counts.explained, counts.differ]
        request.node.user_properties.append((_COUNTED, told))


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
    plays = [item for item in items if _plays(item)]
    config.hook.pytest_deselected(items=[item for item in items if item not in plays])
    items[:] = plays


def _plays(item: pytest.Item) -> bool:
    """Whether it counts recordings, or plays them in another way."""
    counts = item.user_properties or "tally" in getattr(item, "fixturenames", ())
    return bool(counts or item.get_closest_marker("golden"))


class _Collector:
    """Reads what the tests counted off their reports, wherever they ran."""

    def __init__(self, config: pytest.Config) -> None:
        self._parts = config.stash[_ALL]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        told = dict(report.user_properties)
        if report.when == "call" and _MARKED in told:
            explained = [told[_EXPLAINED]] if _EXPLAINED in told and report.passed else []
            self._parts[told[_MARKED]].add(1, explained, int(report.failed))
        if report.when == "teardown":
            for part, *counts in (value for name, value in report.user_properties if name == _COUNTED):
                self._parts[part].add(*counts)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if config.getoption("--agreement"):
        terminalreporter.section("agreement with Ollama")
        terminalreporter.write_line("\n".join(table(config.stash[_ALL])))
        if _is_whole(config):
            terminalreporter.write_line("\n".join(complaints(config.stash[_ALL])), red=True)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a whole run whose explanations do not hold; a run of some parts tells the share of no folder."""
    if _is_whole(session.config) and complaints(session.config.stash[_ALL]):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _is_whole(config: pytest.Config) -> bool:
    is_part = hasattr(config, "workerinput")  # of a run that several processes share
    is_narrowed = config.option.keyword or config.args_source is pytest.Config.ArgsSource.ARGS
    return bool(config.getoption("--agreement")) and not is_part and not is_narrowed


def table(parts: Mapping[str, Counts]) -> Iterator[str]:
    """The lines of the table: a part a line, each folder of recordings, all together."""
    yield f"{'part':32} {'cases':>6} {'agree':>6} {'explained':>9} {'differ':>7}  of these explained"
    for part, counts in sorted(parts.items()):
        yield _row(part, counts)
    yield ""
    for folder, counts in sorted(folders(parts).items()):
        yield _row(f"{folder}/*", counts)
    yield _row("all", _sum(parts.values()))


def folders(parts: Mapping[str, Counts]) -> dict[str, Counts]:
    """The parts of each folder of recordings taken together."""
    grouped = defaultdict(list)
    for part, counts in parts.items():
        grouped[part.partition("/")[0].partition(",")[0]].append(counts)
    return {folder: _sum(counted) for folder, counted in grouped.items()}


def complaints(parts: Mapping[str, Counts]) -> list[str]:
    """What is wrong with the explanations of a whole run, a sentence each: too many of ours, or idle ones."""
    beyond = [
        f"{folder}: {counts.kinds[OURS]} of {counts.cases} cases differ by a choice of ours; {MOST_OURS:.0%} may"
        for folder, counts in sorted(folders(parts).items())
        if counts.kinds[OURS] > MOST_OURS * counts.cases
    ]
    used = {name for counts in parts.values() for names in counts.explained for name in names}
    idle = [name for name, said in lines().items() if said and name not in used]
    return beyond + [f"docs/differences.md: {name!r} has a kind and explains no recorded case" for name in idle]


def _sum(counted: Iterable[Counts]) -> Counts:
    total = Counts()
    for counts in counted:
        total.add(counts.cases, counts.explained, counts.differ)
    return total


def _row(part: str, counts: Counts) -> str:
    explained, kinds = len(counts.explained), counts.kinds
    agree = counts.cases - explained - counts.differ
    told = ", ".join(f"{kinds[each]} {each}" for each in KINDS if kinds[each])
    row = f"{part:32} {counts.cases:6} {agree:6} {explained:9} {counts.differ:7}"
    return f"{row}  {explained / counts.cases:.1%}: {told}" if explained else row
