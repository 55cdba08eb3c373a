"""`embedding`: the vector of a text, from any model."""

from tampu.cli.command import command
from tampu.cli.grammar import at_least, flag
from tampu.cli.invocation import Invocation
from tampu.cli.pull import described_or_pulled
from tampu.cli.run import prompt_pieces
from tampu.cli.vector import print_vector


@command(
    "embedding",
    takes="MODEL [TEXT]",
    words=at_least(1),
    aliases=("embed",),
    help="Print the vector of a text as a JSON list",
)
@flag("--dimensions", word="int", help="Shorten the vector to so many numbers")
@flag("--insecure", help="Use an insecure registry")
@flag("--keepalive", word="string", help="Duration to keep a model loaded (e.g. 5m)")
@flag("--truncate", default=None, help="Cut a text that is too long (default: true); --truncate=false refuses it")
def command_line(invocation: Invocation, words: tuple[str, ...], insecure: bool, **flags: object) -> None:
    """The words, behind what is piped in, as one text; a model that is not there is pulled first."""
    _ = invocation.client
    model, *texts = words
    pieces, _ = prompt_pieces(invocation.console, texts)
    described_or_pulled(invocation, model, insecure=insecure)
    print_vector(invocation, model, " ".join(pieces), flags, said_by="embedding")
