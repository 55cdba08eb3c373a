"""`import`: makes the GGUF files of a folder models, where they lie."""

from pathlib import Path

import msgspec

from tampu.cli.command import command
from tampu.cli.components import hash_files
from tampu.cli.grammar import exactly, flag
from tampu.cli.invocation import Invocation
from tampu.errors import BadRequest, ServerError
from tampu.modelfile.found_models import FoundModel, find_models
from tampu.terminal.console import printable
from tampu.terminal.progress import Progress, Spinner


class Imported(msgspec.Struct, omit_defaults=True):
    """What became of one model that was found. `state`: added, present, new (of a dry run) or failed."""

    name: str
    state: str
    files: list[str]
    error: str = ""


@command("import", takes="FOLDER", words=exactly(1), help="Add the GGUF files of a folder, where they lie")
@flag("--dry-run", beyond=True, help="Only tell what would be added")
@flag("--json", "as_json", beyond=True, help="Print what became of each model as a JSON list")
def command_line(invocation: Invocation, words: tuple[str, ...], dry_run: bool, as_json: bool) -> None:
    """Add every model that is found and not stored yet; one that cannot be added does not keep the others out."""
    folder = Path(words[0]).expanduser().absolute()
    if not folder.is_dir():
        raise BadRequest(f"{words[0]} is no folder")
    if not invocation.settings.address.reaches_this_machine:
        raise BadRequest("only a server on this machine can use files where they lie; 'create' sends them")
    stored = {model.name.lower() for model in invocation.client.list_models()}
    told = []
    for model in find_models(folder):
        told.append(_import(invocation, model, is_stored=model.name.lower() in stored, dry_run=dry_run))
        if not as_json:
            _tell(invocation, told[-1])
    if as_json:
        invocation.console.write_json(told)
    elif not told:
        invocation.console.write("no GGUF files are there\n")
    if failures := sum(model.state == "failed" for model in told):
        raise BadRequest(f"{failures} of {len(told)} models could not be added")


def _import(invocation: Invocation, model: FoundModel, *, is_stored: bool, dry_run: bool) -> Imported:
    """Add one model, unless it is there already or this is a dry run."""
    imported = Imported(model.name, "present" if is_stored else "new", [str(path) for path in model.files])
    if not is_stored and not dry_run:
        imported.error = _add(invocation, model)
        imported.state = "failed" if imported.error else "added"
    return imported


def _tell(invocation: Invocation, model: Imported) -> None:
    texts = {
        "present": f"{model.name} is there already",
        "new": f"{model.name} would be added: {model.files[0]}",
        "added": f"added {model.name}",
    }
    if model.state in texts:
        invocation.console.write(f"{printable(texts[model.state])}\n")
    else:
        invocation.console.tell(f"{printable(f'{model.name} was not added: {model.error}')}\n")


def _add(invocation: Invocation, model: FoundModel) -> str:
    """Make one model; the reason where the server refuses its files, "" where it does not."""
    try:
        with Progress(invocation.console) as progress:
            spinner = Spinner(f"adding {printable(model.name)}")
            progress.add(spinner)
            _make(invocation, model, spinner)
    except (ServerError, OSError) as error:
        return str(error)
    return ""


def _make(invocation: Invocation, model: FoundModel, spinner: Spinner) -> None:
    digests = hash_files(set(model.files))
    for path, digest in digests.items():
        for report in invocation.client.adopt_blob(digest, path, or_point=True):
            if report.total:
                spinner.message = f"adding {printable(model.name)} {100 * report.completed // report.total}%"
    files = {path.name: digests[path] for path in model.files}
    for _ in invocation.client.create({"model": model.name, "files": files}):
        pass
