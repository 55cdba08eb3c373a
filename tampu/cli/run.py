"""`run`: one answer to a prompt, or a session with a model."""

from collections.abc import Sequence
from typing import Final

from tampu.cli.command import command
from tampu.cli.grammar import at_least, flag
from tampu.cli.help import RUN_VARIABLES
from tampu.cli.invocation import Invocation
from tampu.cli.pull import described_or_pulled
from tampu.cli.sign_in_hints import FOR_CLOUD_MODELS, tell_where_to_sign_in
from tampu.cli.vector import print_vector
from tampu.client.answers import Description
from tampu.errors import BadRequest, InvalidModelfile, SignInRequired, TampuError
from tampu.modelfile.document import Instruction, Kind, Modelfile
from tampu.modelfile.parameters import DEPRECATED, parameters
from tampu.repl.chosen import Chosen, read_keep_alive, read_think
from tampu.repl.media import attach, is_multimodal
from tampu.repl.session import Session
from tampu.repl.talk import Talk
from tampu.terminal.answer import AnswerPrinter, show_answer
from tampu.terminal.console import Console
from tampu.terminal.interrupts import heard_interrupts
from tampu.terminal.timings import timing_block
from tampu.terminal.waiting import progress_asked, waiting

_MOST_PIPED: Final = 64 << 20
"""Bytes of a prompt from a pipe, which may have no end."""


@command("run", takes="MODEL [PROMPT]", words=at_least(1), variables=RUN_VARIABLES, help="Run a model")
@flag("--dimensions", word="int", help="Truncate output embeddings to specified dimension (embedding models only)")
@flag("--format", word="string", help="Response format (e.g. json)")
@flag("--hidethinking", help="Hide thinking output (if provided)")
@flag("--insecure", help="Use an insecure registry")
@flag("--keepalive", word="string", help="Duration to keep a model loaded (e.g. 5m)")
@flag("--nowordwrap", help="Don't wrap words to the next line automatically")
@flag(
    "--think",
    word="string",
    without_value="true",
    help="Enable thinking mode: true/false or high/medium/low for supported models",
)
@flag(
    "--truncate",
    default=None,
    help="For embedding models: truncate inputs exceeding context length (default: true). "
    "Set --truncate=false to error instead",
)
@flag("--verbose", help="Show timings for response")
def command_line(invocation: Invocation, words: tuple[str, ...], insecure: bool, **flags: object) -> None:
    """Prepare the model, pulling it if it is missing, and answer or open a session."""
    # Whether there is a server is told before what is wrong with a flag's value.
    _ = invocation.client
    chosen = _chosen(flags)
    model, *prompts = words
    prompts, is_session = prompt_pieces(invocation.console, prompts)
    description = described_or_pulled(invocation, model, insecure=insecure)
    try:
        if "embedding" in description.capabilities:
            print_vector(invocation, model, " ".join(prompts), flags)
        elif is_session:
            _talk(invocation, Session(model, description, chosen))
        else:
            _answer(invocation, model, " ".join(prompts), description, chosen)
    except SignInRequired as error:
        invocation.console.write(FOR_CLOUD_MODELS)
        tell_where_to_sign_in(invocation.console, error.url)


def _chosen(flags: dict[str, object]) -> Chosen:
    think, keep_alive = flags["think"], flags["keepalive"]
    return Chosen(
        wrap=not flags["nowordwrap"],
        verbose=bool(flags["verbose"]),
        show_thinking=not flags["hidethinking"],
        think=read_think(None if think is None else str(think)),
        format=str(flags["format"] or ""),
        keep_alive=read_keep_alive(None if keep_alive is None else str(keep_alive)),
    )


def prompt_pieces(console: Console, words: Sequence[str]) -> tuple[list[str], bool]:
    """The pieces of the prompt, what is piped in first; and whether a person sits at both ends instead."""
    if console.reads_terminal:
        return list(words), not words and console.writes_terminal
    data = console.input.buffer.read(_MOST_PIPED + 1)
    if len(data) > _MOST_PIPED:
        raise BadRequest(f"more than {_MOST_PIPED >> 20} MiB are piped in, which no server takes; send less at once")
    piped = data.decode("utf-8", "replace")
    return ([piped] if piped else []) + list(words), False


def _answer(invocation: Invocation, model: str, prompt: str, description: Description, chosen: Chosen) -> None:
    """One answer on standard output. An interrupt ends it and is no error."""
    console = invocation.console
    prompt, attachments = attach(console, prompt) if is_multimodal(description) else (prompt, [])
    printer = AnswerPrinter(
        console,
        # Codes that take words back have no place in a file; scripts that count on Ollama's bytes get them.
        wrap=chosen.wrap and (console.writes_terminal or invocation.is_ollama),
        show_thinking=chosen.show_thinking,
        greyed=console.colour and console.writes_terminal,
    )
    try:
        with heard_interrupts(), waiting(console) as shown:
            body = {"model": model, "prompt": prompt, "options": {}, **chosen.request(can_think=description.can_think)}
            body |= progress_asked(console)
            if attachments:
                body["images"] = [attachment.data for attachment in attachments]
            end = show_answer(
                invocation.client.generate(body), printer, before=shown.clear, on_reading=shown.tell_reading
            )
    except KeyboardInterrupt:
        return
    except TampuError:
        if not invocation.is_ollama:
            printer.leave_line()
        raise
    if prompt:
        console.write("\n\n")
    if chosen.verbose:
        console.tell(timing_block(end))


def _talk(invocation: Invocation, session: Session) -> None:
    """A session on the terminal."""
    # Only now: the line editor is large, and one answer does not need it.
    from tampu.repl.external_editor import edited, editor_words  # noqa: PLC0415
    from tampu.repl.line_editor import LineEditor  # noqa: PLC0415
    from tampu.repl.loop import run_session  # noqa: PLC0415

    settings, console = invocation.settings, invocation.console

    def edit(text: str) -> str:
        try:
            return edited(text, editor_words(settings.editor, settings.visual_editor, settings.plain_editor))
        except BadRequest as error:
            console.tell(f"error: {error.message}\n")
            return text

    editor = LineEditor(
        settings.home / "history", keeps_history=not settings.no_history, coloured=console.colour, edit=edit
    )
    run_session(Talk(session, invocation.client, console, _read_parameter, invocation.is_ollama), editor)


def _read_parameter(name: str, values: Sequence[str]) -> object:
    """The value of one parameter, by the rules of a Modelfile, of which it is no line; raises BadRequest."""
    if name in DEPRECATED:
        raise BadRequest(f"unknown parameter '{name}'")
    counted = values if name == "stop" else values[:1]
    lines = Modelfile(tuple(Instruction(Kind.PARAMETER, (name, value)) for value in counted))
    try:
        return parameters(lines).get(name)
    except InvalidModelfile as error:
        raise BadRequest(error.message.replace(f"[{values[0]}]", f"[{' '.join(values)}]")) from None
