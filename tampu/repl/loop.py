"""The session: reads a message, runs it as a command or has the model answer it, until the person leaves."""

from tampu.repl.blocks import FENCE, message_of
from tampu.repl.commands import is_command, run_command
from tampu.repl.line_editor import PROMPT, LineEditor
from tampu.repl.media import is_media_path, is_multimodal
from tampu.repl.talk import Leave, Talk
from tampu.repl.turn import say
from tampu.terminal.wrap import WordWrap


def run_session(talk: Talk, editor: LineEditor) -> None:
    """Load the model, then talk until /bye or Ctrl-D; raises TampuError for what ends a session early."""
    talk.load()
    _show_stored(talk)
    while True:
        try:
            # The colour of thoughts lasts until something else shows.
            greyed, talk.ended_in_thought = talk.ended_in_thought, False
            text = editor.read(greyed=greyed)
        except KeyboardInterrupt:
            talk.console.write("Use Ctrl + d or /bye to exit.\n")
            continue
        except EOFError:
            return
        try:
            _take(talk, editor, text)
        except Leave:
            return


def _show_stored(talk: Talk) -> None:
    """The conversation that the model was made with, as if it had been held here."""
    console = talk.console
    width = console.width if talk.session.chosen.wrap else 0
    for message in talk.session.description.messages:
        if message.role == "user":
            console.show(f"{PROMPT}{message.content}\n")
        elif message.role == "assistant":
            console.write(WordWrap(width).feed(console.harmless(message.content)) + "\n\n")


def _take(talk: Talk, editor: LineEditor, text: str) -> None:
    """One message of the person. Only a single line, or a /set system with a block, is a command."""
    may_be_command = text.startswith("/") and ("\n" not in text or FENCE in text)
    is_path = is_multimodal(talk.session.description) and is_media_path(text)
    if may_be_command and (is_command(text) or not is_path):
        run_command(talk, editor, text)
    elif message := message_of(text):
        say(talk, message)
