"""The spinner before an answer, and what it tells of a long prompt."""

import io

import pytest

from tampu.client.answers import Piece, PromptRead
from tampu.terminal.answer import AnswerPrinter, show_answer
from tampu.terminal.console import Console
from tampu.terminal.waiting import progress_asked, reading_line, waiting


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        raise OSError


def test_waiting_leaves_nothing_in_a_pipe() -> None:
    errors = io.StringIO()
    with waiting(Console(io.StringIO(), io.StringIO(), errors)):
        pass
    assert errors.getvalue() == ""


@pytest.mark.parametrize(
    ("told", "line"),
    [
        (PromptRead(20_000, 8192, 0), "reading the prompt 40% of 20000 tokens"),
        (PromptRead(20_000, 20_000, 0), ""),
        (PromptRead(20_000, 19_900, 19_800), ""),
        (PromptRead(100, 50, 0), ""),
        (PromptRead(), ""),
    ],
)
def test_only_long_prompts_are_told(told: PromptRead, line: str) -> None:
    assert reading_line(told) == line


def test_reports_on_the_prompt_reach_the_spinner_and_end_with_the_answer() -> None:
    errors = Screen()
    console = Console(io.StringIO(), io.StringIO(), errors)
    printer = AnswerPrinter(console, wrap=False, show_thinking=True, greyed=False)
    seen = []
    with waiting(console) as shown:

        def note(told: PromptRead) -> None:
            shown.tell_reading(told)
            seen.append(reading_line(told))

        pieces = [Piece(progress=PromptRead(2000, 500)), Piece(response="Yes."), Piece(done=True)]
        show_answer(pieces, printer, before=shown.clear, on_reading=note)
    assert seen == ["reading the prompt 25% of 2000 tokens"]
    assert console.output.getvalue() == "Yes."
    assert errors.getvalue().endswith("\x1b[1G\x1b[J\x1b[?25h"), "the last thing is to erase the line"


def test_nobody_asks_for_reports_that_nobody_sees() -> None:
    assert progress_asked(Console(io.StringIO(), io.StringIO(), io.StringIO())) == {}
    assert progress_asked(Console(io.StringIO(), io.StringIO(), Screen())) == {"progress": True}
