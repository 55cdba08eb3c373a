"""The session: reads a message, runs it as a command or has the model answer it, until the person leaves."""

from tampu.errors import BadRequest, ServerError
from tampu.repl.blocks import FENCE, message_of
from tampu.repl.commands import Leave, Talk, run_command
from tampu.repl.line_editor import PROMPT, LineEditor
from tampu.repl.media import attach, is_media_path, is_multimodal
from tampu.terminal.answer import AnswerPrinter, show_answer
from tampu.terminal.interrupts import heard_interrupts
from tampu.terminal.progress import waiting
from tampu.terminal.timings import timing_block

_BEARABLE = ("does not support thinking", "invalid think value")
_UPSTREAM = "upstream error"


def run_session(talk: Talk, editor: LineEditor) -> None:
    """Load the model, then talk until /bye or Ctrl-D; raises TampuError for what ends a session early."""
    talk.load()
    for message in talk.session.description.messages:
        start, end = (PROMPT, "\n") if message.role == "user" else ("", "\n\n")
        talk.console.show(f"{start}{message.content}{end}")
    while True:
        try:
            text = editor.read()
        except KeyboardInterrupt:
            talk.console.write("Use Ctrl + d or /bye to exit.\n")
            continue
        except EOFError:
            return
        try:
            _take(talk, editor, text)
        except Leave:
            return


def _take(talk: Talk, editor: LineEditor, text: str) -> None:
    """One message of the person. Only a single line, or a /set system with a block, is a command."""
    is_command = text.startswith("/") and ("\n" not in text or FENCE in text)
    if is_command and not (is_multimodal(talk.session.description) and is_media_path(text)):
        run_command(talk, editor, text)
    elif message := message_of(text):
        _answer(talk, message)


def _answer(talk: Talk, text: str) -> None:
    session, console = talk.session, talk.console
    text, attachments = attach(console, text) if is_multimodal(session.description) else (text, [])
    session.say(text, [attachment.data for attachment in attachments])
    printer = AnswerPrinter(
        console, wrap=session.chosen.wrap, show_thinking=session.chosen.show_thinking, greyed=console.colour
    )
    try:
        with heard_interrupts(), waiting(console) as progress:
            end = show_answer(talk.client.chat(session.turn()), printer, before=progress.clear)
    except KeyboardInterrupt:
        if printer.has_written:
            console.write("\n")
        return
    except (ServerError, BadRequest) as error:
        _tell_or_raise(talk, error)
        return
    session.hear(printer.text, thinking=printer.thinking)
    console.write("\n\n")
    if session.chosen.verbose:
        console.tell(timing_block(end))


def _tell_or_raise(talk: Talk, error: ServerError | BadRequest) -> None:
    """Errors that the next message can mend are told; all others end the session."""
    if any(words in error.message for words in _BEARABLE):
        talk.console.write(f"error: {error.message}\n")
    elif _UPSTREAM in error.message:
        talk.console.write("An error occurred while processing your message. Please try again.\n\n")
    else:
        raise error
