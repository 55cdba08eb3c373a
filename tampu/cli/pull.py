"""`pull`: fetches a model."""

import time

from tampu.cli.command import command
from tampu.cli.grammar import Words, exactly, flag
from tampu.cli.invocation import Invocation
from tampu.cli.registry_hints import with_hint
from tampu.cli.show import IMAGE_MODELS
from tampu.client.answers import Description, Report
from tampu.errors import BadRequest, ServerError, TampuError
from tampu.names import DEFAULT_HOST, ModelName, ModelReference, Source
from tampu.terminal.listings import unfinished_table
from tampu.terminal.progress import Progress, follow
from tampu.units import parse_rate

_NOT_THERE = "pull model manifest: file does not exist"


@command("pull", takes="MODEL", words=Words(), help="Pull a model from a registry")
@flag("--insecure", help="Use an insecure registry")
@flag("--limit-rate", word="string", beyond=True, help="Most bytes a second, with K, M or G (e.g. 5M)")
@flag("--list-partial", beyond=True, help="List downloads that were begun and not finished")
@flag("--json", "as_json", beyond=True, help="Print the unfinished downloads as a JSON list")
def command_line(
    invocation: Invocation,
    words: tuple[str, ...],
    *,
    insecure: bool,
    limit_rate: str | None,
    list_partial: bool,
    as_json: bool,
) -> None:
    """Fetch, with a bar for each layer; or tell what was not fetched wholly."""
    exactly(0 if list_partial else 1).check(len(words))
    if list_partial:
        _list_unfinished(invocation, as_json=as_json)
    else:
        parse_rate(limit_rate or "0")
        pull_model(invocation, words[0], insecure=insecure, limit_rate=limit_rate or "", then="pull")


def described_or_pulled(invocation: Invocation, model: str, *, insecure: bool) -> Description:
    """The description of a model that is to be run; one that is not there is pulled first. Raises TampuError."""
    client = invocation.client
    try:
        description = client.describe(model)
    except ServerError as error:
        if error.status != 404 or ModelReference.parse(model).source is Source.CLOUD:
            raise
        pull_model(invocation, model, insecure=insecure, then="run")
        description = client.describe(model)
    if "image" in description.capabilities:
        raise BadRequest(IMAGE_MODELS)
    return description


def _list_unfinished(invocation: Invocation, *, as_json: bool) -> None:
    found = invocation.client.unfinished_pulls()
    if as_json:
        invocation.console.write_json(found)
    else:
        invocation.console.write(unfinished_table(found, now=time.time()))


def pull_model(invocation: Invocation, model: str, *, insecure: bool, then: str, limit_rate: str = "") -> None:
    """Fetch `model`; `then` is the command that a cloud model of this name would be asked with. Raises ServerError."""
    reports = invocation.client.pull(model, insecure=insecure, limit_rate=limit_rate)
    try:
        with Progress(invocation.console) as progress:
            follow(progress, reports, label=_layer, with_empty_bars=False)
    except ServerError as error:
        if _NOT_THERE in error.message and not insecure and _exists_as_cloud_model(invocation, model):
            hint = f'"{model}:cloud" is available as a cloud model. Try:\n  {invocation.program} {then} {model}:cloud'
            raise ServerError(f"{error.message}\n\n{hint}", status=error.status) from None
        raise with_hint(error) from None


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
