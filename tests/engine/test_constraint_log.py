"""What is read from an engine's log about schemas, in which order and for whom."""

from typing import Any

import pytest

from tampu.engine.constraint_log import ConstraintLog
from tampu.engine.protocol import EngineEnd, EngineText, StopKind
from tampu.engine.schema_proof import SchemaProof
from tampu.errors import EngineRefused

END = EngineEnd(
    stop=StopKind.END, prompt_tokens=1, cached_tokens=0, completion_tokens=1, prompt_ms=0.0, completion_ms=0.0
)
MARKED = (
    "0.20.585.641 E llg error: at 2(8): failed to compile JSON schema: regex parse error:",
    "    (?=a)b",
    "    ^^^",
    "error: look-around is not supported",
    "   1 | %llguidance {}",
    '   2 | start: %json {"$comment":"constraint-7","pattern":"(?=a)b"}',
    "              ^",
)
UNMARKED = (
    "0.22.629.164 E llg error: Parser Error: Current row has 3006 items",
    "<state>",
    'Tokens: ⟦{"user"‧: {"name"⟧',
    "</state><grammar>",
)
LATER = "0.23.000.000 W srv    operator(): got exception: barrier-3"


def log_of(*lines: str) -> ConstraintLog:
    log = ConstraintLog()
    for line in lines:
        log.read(line)
    return log


def test_a_failure_is_known_by_its_mark() -> None:
    log = log_of(*MARKED)
    assert log.failure("constraint-7") == "regex parse error: (?=a)b ^^^ error: look-around is not supported"
    assert log.failure("constraint-8") is None
    log.read(LATER)
    assert log.losses == 0


def test_a_failure_without_a_mark_is_a_loss_once_the_next_line_comes() -> None:
    log = log_of(*UNMARKED)
    assert log.losses == 0
    log.read(LATER)
    assert (log.losses, log.last_loss) == (1, "Parser Error: Current row has 3006 items")
    log = log_of(*UNMARKED, *MARKED, LATER)
    assert log.losses == 1
    assert log.failure("constraint-7") is not None


def test_what_is_waited_for_comes_after_what_was_written_before() -> None:
    log, order = ConstraintLog(), list[Any]()
    log.expect("barrier-3", lambda: order.append((log.failure("constraint-7"), log.losses)))
    assert [log.read(line) for line in (*MARKED, *UNMARKED)] == [False] * 11
    assert log.read(LATER)
    assert order == [(log.failure("constraint-7"), 1)]
    assert order[0][0] is not None
    assert not log.read(LATER)
    log.expect("barrier-3", lambda: order.append("again"))
    log.forget("barrier-3")
    assert not log.read(LATER)
    assert len(order) == 1


def test_failures_are_not_kept_for_ever() -> None:
    log = log_of(*(line.replace("-7", f"-{number}") for number in range(500) for line in MARKED))
    assert log.failure("constraint-499") is not None
    assert log.failure("constraint-0") is None


@pytest.mark.parametrize("lines", [MARKED, (*UNMARKED, LATER)])
def test_an_answer_that_is_not_held_to_its_schema_is_refused(lines: tuple[str, ...]) -> None:
    log = log_of(*UNMARKED, LATER)
    proof, other = SchemaProof(log, "constraint-7"), SchemaProof(log, "constraint-8")
    proof.check()
    for line in lines:
        log.read(line)
    with pytest.raises(EngineRefused, match="JSON schema conversion failed") as refused:
        proof.check()
    assert refused.value.status == 400
    if lines is MARKED:
        other.check()


def test_the_log_is_needed_for_the_first_event_and_for_the_end() -> None:
    proof = SchemaProof(ConstraintLog(), "constraint-1")
    assert [proof.needs_log(event) for event in (EngineText("a"), EngineText("b"), END)] == [True, False, True]
    assert SchemaProof(ConstraintLog(), "constraint-1").needs_log(END)
