"""`pull`: fetches a model."""

from tampu.cli.command import command
from tampu.cli.grammar import exactly, flag
from tampu.cli.invocation import Invocation
from tampu.client.answers import Report
from tampu.errors import ServerError, TampuError
from tampu.names import DEFAULT_HOST, ModelName, ModelReference, Source
from tampu.terminal.progress import Progress, follow

_NOT_THERE = "pull model manifest: file does not exist"


@command("pull", takes="MODEL", words=exactly(1), help="Pull a model from a registry")
@flag("--insecure", help="Use an insecure registry")
def command_line(invocation: Invocation, words: tuple[str, ...], insecure: bool) -> None:
    """Fetch, with a bar for each layer."""
    pull_model(invocation, words[0], insecure=insecure, then="pull")


def pull_model(invocation: Invocation, model: str, *, insecure: bool, then: str) -> None:
    """Fetch `model`; `then` is the command that a cloud model of this name would be asked with. Raises ServerError."""
    client = invocation.client
    try:
        with Progress(invocation.console) as progress:
            follow(progress, client.pull(model, insecure=insecure), label=_layer, with_empty_bars=False)
    except ServerError as error:
        if _NOT_THERE in error.message and not insecure and _exists_as_cloud_model(invocation, model):
            hint = f'"{model}:cloud" is available as a cloud model. Try:\n  {invocation.program} {then} {model}:cloud'
            raise ServerError(f"{error.message}\n\n{hint}", status=error.status) from None
        raise


def _layer(report: Report) -> str:
    digest = report.digest
    return f"pulling {digest.removeprefix('sha256:')[:12] if digest.startswith('sha256:') else digest}:"


def _exists_as_cloud_model(invocation: Invocation, model: str) -> bool:
    try:
        name, has_tag = ModelName.parse(model), model.rfind(":") > model.rfind("/")
        if has_tag or name.host != DEFAULT_HOST or ModelReference.parse(model).source is not Source.UNSPECIFIED:
            return False
        invocation.client.describe(f"{model}:cloud")
    except TampuError:
        return False
    return True
