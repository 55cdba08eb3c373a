"""How an answer is printed: thinking, text, calls."""

import fcntl
import io
import os
import struct
import termios

from hypothesis import given
from hypothesis import strategies as st

from tampu.client.answers import ChatPart, Piece
from tampu.messages import ToolCall, ToolCallFunction
from tampu.terminal.answer import AnswerPrinter, show_answer
from tampu.terminal.console import Console


def printed(pieces: list[Piece], **how: bool) -> str:
    console = Console(io.StringIO(), io.StringIO(), io.StringIO())
    options = {"wrap": False, "show_thinking": True, "greyed": False, **how}
    show_answer(pieces, AnswerPrinter(console, **options), before=lambda: None)
    return console.output.getvalue()


def test_thinking_stands_between_its_markers() -> None:
    pieces = [Piece(thinking="I think"), Piece(thinking=" so."), Piece(response="Yes"), Piece(response=".", done=True)]
    assert printed(pieces) == "Thinking...\nI think so.\n...done thinking.\n\nYes."
    assert printed(pieces, show_thinking=False) == "Yes."


def test_thinking_that_never_ends_has_no_closing_marker() -> None:
    assert printed([Piece(thinking="Only this")]) == "Thinking...\nOnly this"


def test_chat_and_generate_look_alike() -> None:
    one = [Piece(thinking="t\n"), Piece(response="r")]
    other = [Piece(message=ChatPart(thinking="t\n")), Piece(message=ChatPart(content="r"))]
    assert printed(one) == printed(other) == "Thinking...\nt\n...done thinking.\n\nr"


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_model_does_not_steer_the_terminal() -> None:
    evil = "a\x1b]52;c;ZXZpbA==\x07\x9b2Jb"
    calls = [ToolCall(ToolCallFunction(evil, {evil: evil}))]
    pieces = [Piece(thinking=evil), Piece(response="x\x1b"), Piece(response="[2Jy"), Piece(tool_calls=calls)]
    screen = Screen()
    console = Console(io.StringIO(), screen, io.StringIO())
    printer = AnswerPrinter(console, wrap=False, show_thinking=True, greyed=False)
    show_answer(pieces, printer, before=lambda: None)
    shown = screen.getvalue().replace("\x1b[?25l", "").replace("\x1b[?25h", "")
    assert not {"\x1b", "\x07", "\x9b"} & set(shown)
    assert "a]52;c;ZXZpbA==2Jb" in shown
    assert printer.text == "x\x1b[2Jy", "the conversation keeps what was said"
    assert evil in printed(pieces), "a pipe gets what was said"


def test_a_screen_that_becomes_narrow_in_mid_answer() -> None:
    ours, its = os.openpty()
    with os.fdopen(its, "w") as output, os.fdopen(ours, "rb", buffering=0) as screen:
        fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        printer = AnswerPrinter(
            Console(io.StringIO(), output, io.StringIO()), wrap=True, show_thinking=True, greyed=False
        )
        printer.show(Piece(response="on a wide screen all this is one line, "))
        assert b"\n" not in screen.read(4096)
        fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 24, 0, 0))
        printer.show(Piece(response="and on a narrow one the rest are three or so"))
        lines = screen.read(4096).replace(b"\x1b[?25l", b"").replace(b"\x1b[?25h", b"").split(b"\r\n")
        assert len(lines) > 2
        assert all(len(line.partition(b"\x1b")[0]) <= 24 for line in lines)


def test_calls_that_nobody_asked_for() -> None:
    calls = [ToolCall(ToolCallFunction("now")), ToolCall(ToolCallFunction("weather", {"city": "Paris"}))]
    assert printed([Piece(tool_calls=calls)]) == (
        "  Model called a non-existent function 'now()' with arguments: {}\n"
        '  Model called a non-existent function \'weather()\' with arguments: {"city":"Paris"}'
    )


def test_grey_is_closed_after_every_write() -> None:
    text = printed([Piece(thinking="a"), Piece(thinking="b"), Piece(response="c")], greyed=True)
    assert text.endswith("\x1b[0mc")


@given(st.lists(st.text(alphabet="xy \n", min_size=1, max_size=5), max_size=10))
def test_the_printer_remembers_what_was_said(texts: list[str]) -> None:
    console = Console(io.StringIO(), io.StringIO(), io.StringIO())
    printer = AnswerPrinter(console, wrap=True, show_thinking=True, greyed=False)
    show_answer([Piece(response=text) for text in texts], printer, before=lambda: None)
    assert printer.text == "".join(texts)
