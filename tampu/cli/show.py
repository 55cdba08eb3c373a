"""`show`: what is known of a model."""

from tampu.cli.command import command
from tampu.cli.grammar import exactly, flag
from tampu.cli.invocation import Invocation
from tampu.client.answers import Description
from tampu.errors import BadRequest
from tampu.terminal.description import description_page

IMAGE_MODELS = "image generation models are not currently supported"
_PARTS = ("license", "modelfile", "parameters", "system", "template")
_BARE = frozenset({"system", "template"})
"""Parts printed without a newline at the end, so that they can go into a file as they are."""


@command("show", takes="MODEL", words=exactly(1), help="Show information for a model")
@flag("--license", help="Show license of a model")
@flag("--modelfile", help="Show Modelfile of a model")
@flag("--parameters", help="Show parameters of a model")
@flag("--system", help="Show system message of a model")
@flag("--template", help="Show template of a model")
@flag("-v", "--verbose", help="Show detailed model information")
@flag("--json", "as_json", beyond=True, help="Print everything as JSON")
def command_line(invocation: Invocation, words: tuple[str, ...], verbose: bool, as_json: bool, **parts: bool) -> None:
    """One part of the model's description, or the page of all."""
    client = invocation.client
    wanted = [part for part in _PARTS if parts[part]]
    if len(wanted) > 1:
        raise BadRequest(
            "only one of '--license', '--modelfile', '--parameters', '--system', or '--template' can be specified"
        )
    model = client.describe(words[0], verbose=verbose)
    if "image" in model.capabilities:
        raise BadRequest(IMAGE_MODELS)
    if as_json:
        invocation.console.write_json(model)
    else:
        invocation.console.show(_text(model, wanted, verbose=verbose))


def _text(model: Description, wanted: list[str], *, verbose: bool) -> str:
    if not wanted:
        return description_page(model, verbose=verbose)
    text = str(getattr(model, wanted[0]))
    return text if wanted[0] in _BARE else f"{text}\n"
