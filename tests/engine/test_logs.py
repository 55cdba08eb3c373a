"""The logs of engines: the last of each model's, also of one that failed, and what is new in them."""

from pathlib import Path

import pytest

from tampu.engine.log_watch import TAIL_LINES, LogTail
from tampu.engine.logs import EngineLogs
from tampu.errors import EngineOutOfMemory, EngineStartFailed


def written(*lines: str) -> LogTail:
    log = LogTail()
    for line in lines:
        log.add(line)
    return log


def test_what_is_new_is_told_once() -> None:
    log = written("a", "b")
    assert log.after(0) == (["a", "b"], 2)
    assert log.after(2) == ([], 2)
    log.add("c")
    assert log.after(2) == (["c"], 3)


def test_of_what_is_too_much_the_end_is_told() -> None:
    log = written(*map(str, range(3 * TAIL_LINES)))
    lines, seen = log.after(5)
    assert (len(lines), lines[-1], seen) == (TAIL_LINES, str(3 * TAIL_LINES - 1), 3 * TAIL_LINES)


def test_the_last_engine_of_a_model_counts() -> None:
    logs, model = EngineLogs(), Path("/m")
    assert logs.of(model) is None
    first, second = written("first"), written("second")
    logs.note(model, first)
    logs.note(model, second)
    assert logs.of(model) is second
    for number in range(100):
        logs.note(Path(f"/{number}"), first)
    assert logs.of(model) is None, "few are remembered"


@pytest.mark.parametrize(
    ("error", "lines"),
    [
        (EngineStartFailed("it ended", log_tail="one\ntwo"), ["one", "two", "it ended"]),
        (EngineOutOfMemory("too large"), ["too large"]),
    ],
)
def test_what_an_engine_wrote_before_it_failed_is_kept(error: EngineStartFailed, lines: list[str]) -> None:
    logs, model = EngineLogs(), Path("/m")
    with pytest.raises(type(error)), logs.noting_failure(model):
        raise error
    log = logs.of(model)
    assert log is not None
    assert log.after(0)[0] == lines
