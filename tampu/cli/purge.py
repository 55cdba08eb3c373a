"""`purge`: removes what no model uses, after it has told what that is and was told to go on."""

from collections.abc import Iterable, Iterator

from tampu.cli.command import command
from tampu.cli.grammar import flag
from tampu.cli.invocation import Invocation
from tampu.client.answers import Leftover, Purged
from tampu.errors import BadRequest
from tampu.terminal.console import Console, printable
from tampu.terminal.waiting import waiting
from tampu.units import format_bytes


@command("purge", help="Remove files that no model uses")
@flag("--dry-run", beyond=True, help="Only tell what would go")
@flag("-y", "--yes", beyond=True, help="Do not ask")
@flag("--json", "as_json", beyond=True, help="Print the files as JSON")
def command_line(
    invocation: Invocation,
    words: tuple[str, ...],  # noqa: ARG001  # there are none
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Tell, ask, remove. Never touches what a running pull, create or upload relies on."""
    console, client = invocation.console, invocation.client
    found = _last(console, client.purge(dry_run=True))
    if not as_json:
        console.write(_summary(found.files))
    if found.files and not dry_run:
        if not yes and not _agrees(console, found):
            return
        found = _last(console, client.purge())
        if not as_json:
            console.write(f"freed {format_bytes(found.bytes)}\n")
    if as_json:
        console.write_json({"bytes": found.bytes, "files": found.files})


def _last(console: Console, reports: Iterator[Purged]) -> Purged:
    with waiting(console):
        *_, last = reports
    return last


def _agrees(console: Console, found: Purged) -> bool:
    if not console.reads_terminal:
        raise BadRequest("nothing was removed, because nobody can be asked; --yes removes without asking")
    console.tell(f"Remove them and free {format_bytes(found.bytes)}? [y/N] ")
    return console.input.readline().strip().lower() in {"y", "yes"}


def _summary(files: Iterable[Leftover]) -> str:
    """A line for each kind: how many, and what their removal frees."""
    kinds: dict[str, list[int]] = {}
    for file in files:
        kinds.setdefault(printable(file.kind), []).append(file.bytes)
    if not kinds:
        return "there is nothing that no model uses\n"
    lines = [(_counted(len(sizes), kind), format_bytes(sum(sizes))) for kind, sizes in kinds.items()]
    width = max(len(what) for what, _ in lines)
    return "".join(f"{what:<{width}}  {size:>7}\n" for what, size in lines)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
