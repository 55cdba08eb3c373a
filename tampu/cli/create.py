"""`create`: makes a model of a Modelfile and the files that it names."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from tampu.cli.command import command
from tampu.cli.components import Components, gather
from tampu.cli.grammar import exactly, flag
from tampu.cli.invocation import Invocation
from tampu.client.client import Client
from tampu.errors import BadRequest, InvalidModelfile, InvalidName, ServerError
from tampu.modelfile.document import Modelfile
from tampu.modelfile.parameters import deprecated_parameters, deprecation_warning, parameters
from tampu.modelfile.parse import parse_modelfile
from tampu.names import ModelName
from tampu.terminal.progress import Progress, Spinner, follow
from tampu.units import format_bytes

_WITHOUT_A_FILE: Final = b"FROM ."
_OLD_REQUEST: Final = "path or Modelfile are required"
_LONGEST_MODELFILE: Final = 32_000_000
"""Room for every licence there is; weights that are taken for a Modelfile, or a device, are not read to their end."""


@command("create", takes="MODEL", words=exactly(1), help="Create a model")
@flag("--draft-quantize", word="string", help="Quantize draft model to this level")
@flag("--experimental", help="Enable experimental safetensors model creation")
@flag("-f", "--file", word="string", default="Modelfile", help="Name of the Modelfile")
@flag("-q", "--quantize", word="string", help="Quantize model to this level (e.g. q4_K_M)")
def command_line(
    invocation: Invocation,
    words: tuple[str, ...],
    *,
    file: str,
    quantize: str | None,
    draft_quantize: str | None,
    experimental: bool,
) -> None:
    """Read the Modelfile, bring what the server lacks, and follow the making of the model."""
    if experimental:
        raise BadRequest("--experimental is not supported: models are created by the server, leave the flag out")
    client = invocation.client
    with Progress(invocation.console) as progress:
        _check_name(words[0])
        modelfile, folder = _read(Path(file))
        spinner = Spinner("gathering model components")
        progress.add(spinner)
        components = gather(modelfile, folder)
        for name in dict.fromkeys(deprecated_parameters(modelfile)):
            invocation.console.write(f"{deprecation_warning(name)}\n")
        told = _told(modelfile, components, with_lines=invocation.console.tells_terminal)
        body = {"model": words[0], **told, **_levels(quantize, draft_quantize, components)}
        spinner.settled = True
        progress.refresh()
        for digest, path in components.blobs.items():
            _bring(invocation, progress, digest, path)
        try:
            follow(progress, client.create(body))
        except ServerError as error:
            raise _of_old_servers(error, invocation.program) from None


def _of_old_servers(error: ServerError, program: str) -> ServerError:
    if _OLD_REQUEST not in error.message:
        return error
    text = f"the {program} server must be updated to use `{program} create` with this client"
    return ServerError(text, status=error.status)


def _check_name(name: str) -> None:
    try:
        ModelName.parse(name)
    except InvalidName:
        raise BadRequest(f"invalid model name: {name}") from None


def _read(path: Path) -> tuple[Modelfile, Path]:
    """The Modelfile and the folder that its paths start from. A file that is not there stands for `FROM .`."""
    try:
        with path.open("rb") as file:
            data = file.read(_LONGEST_MODELFILE + 1)
    except FileNotFoundError:
        return parse_modelfile(_WITHOUT_A_FILE), Path.cwd()
    except OSError as error:
        step = "read" if isinstance(error, IsADirectoryError) else "open"
        raise InvalidModelfile(f"{step} {path.absolute()}: {(error.strerror or str(error)).lower()}") from None
    if len(data) > _LONGEST_MODELFILE:
        raise InvalidModelfile(f"{path} is no Modelfile: it has more than {format_bytes(_LONGEST_MODELFILE)}")
    return parse_modelfile(data), path.absolute().parent


def _told(modelfile: Modelfile, components: Components, *, with_lines: bool) -> dict[str, object]:
    """`_body`; what is wrong with a value is told without its line to programs, which know Ollama's words alone."""
    try:
        return _body(modelfile, components)
    except InvalidModelfile as error:
        if with_lines or error.line is None:
            raise
        raise InvalidModelfile(error.message.removeprefix(f"(line {error.line}): ")) from None


def _body(modelfile: Modelfile, components: Components) -> dict[str, object]:
    """The request, without what the Modelfile does not say."""
    said: dict[str, object] = {
        "from": components.base,
        "files": components.files,
        "adapters": components.adapters,
        "draft_files": components.drafts,
        "template": modelfile.template,
        "system": modelfile.system,
        "license": list(modelfile.licenses),
        "parameters": parameters(modelfile),
        "messages": [{"role": message.role, "content": message.content} for message in modelfile.messages],
        "renderer": modelfile.renderer,
        "parser": modelfile.parser,
        "requires": modelfile.requires,
    }
    return {key: value for key, value in said.items() if value}


def _levels(quantize: str | None, draft_quantize: str | None, components: Components) -> dict[str, str]:
    if draft_quantize and not components.drafts:
        raise BadRequest("--draft-quantize requires a DRAFT model")
    levels = {"quantize": quantize or "", "draft_quantize": draft_quantize or ""}
    return {key: level for key, level in levels.items() if level}


def _bring(invocation: Invocation, progress: Progress, digest: str, path: Path) -> None:
    """Let the server have a file that it does not have; the line ends at 100 % either way."""
    client, size = invocation.client, max(1, path.stat().st_size)
    spinner = Spinner(f"copying file {digest}")
    progress.add(spinner)

    def tell(done: int) -> None:
        spinner.message = f"copying file {digest} {100 * done // size}%"

    is_here = client.has_blob(digest) or (
        invocation.settings.address.reaches_this_machine and _lend(client, digest, path, tell)
    )
    if not is_here:
        client.upload_blob(digest, path, on_sent=tell)
    tell(size)
    spinner.settled = True
    progress.refresh()


def _lend(client: Client, digest: str, path: Path, tell: Callable[[int], None]) -> bool:
    """Offer the file itself to a server on this machine, which spares a copy; False where it does not take it."""
    try:
        for report in client.adopt_blob(digest, path.absolute()):
            tell(report.completed)
    except ServerError:  # no such route, another machine behind the port, a name that is no text
        return False
    return True
