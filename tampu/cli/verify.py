"""`verify`: hashes what is stored and tells what is damaged."""

import time
from collections.abc import Iterator

from tampu.cli.command import command
from tampu.cli.grammar import Words, flag
from tampu.cli.invocation import Invocation
from tampu.client.answers import Damage, Verified
from tampu.errors import StoreError
from tampu.terminal.console import printable
from tampu.terminal.progress import Bar, Progress
from tampu.units import format_bytes
from tampu.upkeep import MOVE_IT_AWAY


@command("verify", takes="[MODEL...]", words=Words(), help="Look for damage in stored models")
@flag("--json", "as_json", beyond=True, help="Print what was found as JSON")
def command_line(invocation: Invocation, words: tuple[str, ...], as_json: bool) -> None:
    """Hash all blobs, or those of the models that are named; fails if one is damaged."""
    console = invocation.console
    with Progress(console) as progress:
        found = _follow(progress, invocation.client.verify(words))
    if as_json:
        told = {"blobs": found.blobs, "bytes": found.bytes, "damages": found.damages}
        console.write_json(told)
    else:
        console.write("".join(map(_paragraph, found.damages)))
    if found.damages:
        raise StoreError(
            f"the models folder is damaged in {_counted(len(found.damages), 'place')}: remove the models that are "
            "named, then pull or create them again; 'purge' removes what no model uses"
        )
    if not as_json:
        console.write(f"{_counted(found.blobs, 'blob')}, {format_bytes(found.bytes)}: nothing is damaged\n")


def _follow(progress: Progress, reports: Iterator[Verified]) -> Verified:
    """Show how far it is; the last report."""
    report = next(reports)
    bar = Bar(report.status, report.total)
    progress.add(bar)
    for report in reports:
        if report.total:
            bar.update(report.completed, time.monotonic())
    bar.update(bar.total, time.monotonic())
    return report


def _paragraph(damage: Damage) -> str:
    what = f"{damage.digest}: {damage.problem}" if damage.digest else damage.problem
    told = f"used by {', '.join(damage.models) or 'no model'}"
    if not damage.digest and not damage.models:
        told = MOVE_IT_AWAY
    return printable(f"{what}\n  {told}\n")


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
