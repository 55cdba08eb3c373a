"""One turn of a session: what a person says goes to the model, and its answer to the screen."""

from tampu.errors import BadRequest, ServerError, TampuError
from tampu.repl.media import attach, is_multimodal
from tampu.repl.talk import Talk
from tampu.terminal.answer import AnswerPrinter, show_answer
from tampu.terminal.interrupts import heard_interrupts
from tampu.terminal.timings import speed_line, timing_block
from tampu.terminal.waiting import progress_asked, waiting

_BEARABLE = ("does not support thinking", "invalid think value")
_UPSTREAM = "upstream error"


def say(talk: Talk, text: str) -> None:
    """Add `text` to the conversation, with the files that it names, and have it answered; raises TampuError."""
    session = talk.session
    text, attachments = attach(talk.console, text) if is_multimodal(session.description) else (text, [])
    session.say(text, [attachment.data for attachment in attachments])
    ask(talk)


def ask(talk: Talk) -> None:
    """Have the model answer the conversation. An interrupt stops the answer; raises TampuError to end the session."""
    session, console = talk.session, talk.console
    printer = AnswerPrinter(
        console, wrap=session.chosen.wrap, show_thinking=session.chosen.show_thinking, greyed=console.colour
    )
    try:
        with heard_interrupts(), waiting(console) as shown:
            pieces = talk.client.chat({**session.turn(), **progress_asked(console)})
            end = show_answer(pieces, printer, before=shown.clear, on_reading=shown.tell_reading)
    except KeyboardInterrupt:
        if printer.has_written:
            console.write("\n")
        return
    except TampuError as error:
        if not talk.as_ollama:
            printer.leave_line()
        _tell_or_raise(talk, error)
        return
    finally:
        talk.ended_in_thought = printer.is_thinking
    session.hear(printer.text, thinking=printer.thinking)
    console.write("\n\n")
    if session.chosen.verbose:
        console.tell(timing_block(end))
    if session.chosen.speed:
        console.tell(console.greyed(speed_line(end)))


def _tell_or_raise(talk: Talk, error: TampuError) -> None:
    """Errors that the next message can mend are told; all others end the session."""
    if not isinstance(error, ServerError | BadRequest):
        raise error
    if any(words in error.message for words in _BEARABLE):
        talk.console.write(f"error: {error.message}\n")
    elif _UPSTREAM in error.message:
        talk.console.write("An error occurred while processing your message. Please try again.\n\n")
    else:
        raise error
