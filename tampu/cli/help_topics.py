"""`help`: the page of the program, or of one command."""

import json

import click

from tampu.cli.catalog import ROOT_FLAGS, Program, whole_page
from tampu.cli.command import command
from tampu.cli.grammar import Words, split_command
from tampu.cli.help import SUMMARY
from tampu.cli.invocation import Invocation


@command(
    "help",
    takes="[command]",
    words=Words(),
    variables=(),
    help="The page of a command, or of all where none is named",
)
def command_line(invocation: Invocation, words: tuple[str, ...]) -> None:
    """What nobody knows is told beside the page of all, and is no failure."""
    name, _ = split_command(words, ROOT_FLAGS)
    if name is None:
        invocation.console.write(whole_page(invocation.program))
        return
    context = click.get_current_context()
    topic = Program(invocation.program).get_command(context, name)
    if topic is not None:
        invocation.console.write(topic.page(invocation.program))
        return
    usage = whole_page(invocation.program).removeprefix(f"{SUMMARY}\n\n")
    invocation.console.tell(f"Unknown help topic [{' '.join(map(_quoted, words))}]\n{usage}")


def _quoted(word: str) -> str:
    return json.dumps(word, ensure_ascii=False) if "`" in word or not word.isprintable() else f"`{word}`"
