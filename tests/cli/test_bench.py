"""`bench` on a terminal: it tells what it does, and Ctrl-C waits for no answer."""

import signal
import threading
from pathlib import Path

from tests.fakes.stub_server import Answer, stub_server
from tests.fakes.terminal import program_on_terminal

DONE = Answer(lines=[{"response": "x", "done": True, "eval_count": 1, "eval_duration": 1}])
ASK = ("POST", "/api/generate")


def test_an_interrupt_waits_for_no_client(tmp_path: Path) -> None:
    with (
        stub_server({ASK: DONE}) as stub,
        program_on_terminal(
            "bench", "m", "--rounds", "100000", "--concurrency", "2", home=tmp_path, address=stub.address
        ) as terminal,
    ):
        terminal.wait_until(lambda: any("measuring with 2 clients" in line for line in terminal.lines))
        held = Answer(lines=[{"response": "x"}], hold=threading.Event())
        before = len(stub.asked)
        stub.answers[ASK] = held
        # Two requests may have been under way; the two behind them are held for good.
        terminal.wait_until(lambda: len(stub.asked) >= before + 2)
        terminal.send("\x03")
        assert terminal.wait_for_end() is None
        assert terminal.ended_by == signal.SIGINT
        assert not terminal.hides_cursor
    assert stub.gone.wait(20), "the server must see that nobody listens"
