"""`gguf`: looks into model files, compares them, and shows what becomes of published ones; for contributors."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from tampu.cli.command import command
from tampu.cli.grammar import Words, flag
from tampu.cli.invocation import Invocation
from tampu.errors import BadRequest, InvalidModelFile
from tampu.modelfile.parse import parse_modelfile
from tampu.terminal.console import printable

Lines = Iterator[str]
Report = tuple[Callable[[], Lines], object, str]
"""The lines for people, the same for programs, and what is wrong, "" for nothing."""

ACTIONS: Final = {
    "dump": "dump FILE|MODEL",
    "diff": "diff FILE|MODEL FILE|MODEL",
    "translate": "translate --check FILE|MODEL",
}
_WORDS: Final = {"dump": 1, "diff": 2, "translate": 1}


@command(
    "gguf",
    takes=" | ".join(ACTIONS.values()),
    words=Words(),
    help="Look into model files and what becomes of published ones",
)
@flag("--check", beyond=True, help="With translate: show the plan and write nothing")
@flag("--all", "is_whole", beyond=True, help="Print lists to their end")
@flag("--json", "as_json", beyond=True, help="Print everything as JSON")
def command_line(invocation: Invocation, words: tuple[str, ...], check: bool, is_whole: bool, as_json: bool) -> None:
    """Run one of the actions; fails for a file that cannot be read, or that would not be loaded."""
    action, *rest = words or ("",)
    if action not in ACTIONS:
        raise BadRequest(f"usage: {invocation.program} gguf {' | '.join(ACTIONS.values())}")
    if len(rest) != _WORDS[action] or check != (action == "translate"):
        raise BadRequest(f"usage: {invocation.program} gguf {ACTIONS[action]}")
    # Only here: no other command reads model files itself.
    from tampu.cli.gguf_reports import diff, dump, translation  # noqa: PLC0415

    paths = [_files(invocation, word) for word in rest]
    report: Report = {"dump": dump, "diff": diff, "translate": translation}[action](paths, is_whole)
    lines, data, problem = report
    if as_json:
        invocation.console.write_json(data)
    else:
        invocation.console.show("".join(f"{printable(line)}\n" for line in lines()))
    if problem:
        raise InvalidModelFile(problem)


def _files(invocation: Invocation, word: str) -> Sequence[Path]:
    """The file that a word names, else the files of the stored model of that name."""
    path = Path(word).expanduser()
    if path.is_file():
        return [path]
    if path.suffix == ".gguf" or path.exists():
        raise BadRequest(f"{word}: no such file")
    found = parse_modelfile(invocation.client.describe(word, verbose=False).modelfile.encode())
    paths = [Path(base) for base in found.bases if Path(base).is_file()]
    if not paths:
        raise BadRequest(f'the files of "{word}" are not on this machine')
    return paths
