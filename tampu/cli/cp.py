"""`cp`: a second name for a model."""

from tampu.cli.command import command
from tampu.cli.grammar import exactly
from tampu.cli.invocation import Invocation


@command("cp", takes="SOURCE DESTINATION", words=exactly(2), help="Copy a model")
def command_line(invocation: Invocation, words: tuple[str, ...]) -> None:
    """Copy, and say so with the names as they were typed."""
    source, destination = words
    invocation.client.copy(source, destination)
    invocation.console.write(f"copied '{source}' to '{destination}'\n")
