"""`import`: makes the GGUF files of a folder models, where they lie."""

from pathlib import Path

from tampu.cli.command import command
from tampu.cli.components import hash_files
from tampu.cli.grammar import exactly, flag
from tampu.cli.invocation import Invocation
from tampu.errors import BadRequest, ServerError
from tampu.modelfile.found_models import FoundModel, find_models
from tampu.terminal.console import printable
from tampu.terminal.progress import Progress, Spinner


@command("import", takes="FOLDER", words=exactly(1), help="Add the GGUF files of a folder, where they lie")
@flag("--dry-run", beyond=True, help="Only tell what would be added")
def command_line(invocation: Invocation, words: tuple[str, ...], dry_run: bool) -> None:
    """Add every model that is found and not stored yet; one that cannot be added does not keep the others out."""
    folder = Path(words[0]).expanduser().absolute()
    if not folder.is_dir():
        raise BadRequest(f"{words[0]} is no folder")
    if not invocation.settings.address.reaches_this_machine:
        raise BadRequest("only a server on this machine can use files where they lie; 'create' sends them")
    stored = {model.name.lower() for model in invocation.client.list_models()}
    found = find_models(folder)
    failures = 0
    for model in found:
        if model.name.lower() in stored:
            invocation.console.write(f"{printable(model.name)} is there already\n")
        elif dry_run:
            invocation.console.write(f"{printable(model.name)} would be added: {printable(str(model.files[0]))}\n")
        else:
            failures += not _add(invocation, model)
    if not found:
        invocation.console.write("no GGUF files are there\n")
    if failures:
        raise BadRequest(f"{failures} of {len(found)} models could not be added")


def _add(invocation: Invocation, model: FoundModel) -> bool:
    """Make one model; False, the reason told, where the server refuses its files."""
    try:
        with Progress(invocation.console) as progress:
            spinner = Spinner(f"adding {printable(model.name)}")
            progress.add(spinner)
            _make(invocation, model, spinner)
    except (ServerError, OSError, UnicodeEncodeError) as error:
        invocation.console.tell(f"{printable(model.name)} was not added: {printable(str(error))}\n")
        return False
    invocation.console.write(f"added {printable(model.name)}\n")
    return True


def _make(invocation: Invocation, model: FoundModel, spinner: Spinner) -> None:
    digests = hash_files(set(model.files))
    for path, digest in digests.items():
        for report in invocation.client.adopt_blob(digest, path, or_point=True):
            if report.total:
                spinner.message = f"adding {printable(model.name)} {100 * report.completed // report.total}%"
    files = {path.name: digests[path] for path in model.files}
    for _ in invocation.client.create({"model": model.name, "files": files}):
        pass
