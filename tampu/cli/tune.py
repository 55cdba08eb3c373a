"""`tune`: measures how a model runs best on this machine, and keeps what is clearly faster."""

from collections.abc import Iterator

from tampu.cli.command import command
from tampu.cli.grammar import exactly, flag
from tampu.cli.invocation import Invocation
from tampu.client.answers import Tried, Tuned
from tampu.errors import BadRequest
from tampu.terminal.console import Console, printable
from tampu.terminal.progress import Progress, Spinner
from tampu.terminal.table import table


@command("tune", takes="MODEL", words=exactly(1), help="Find the fastest way to run a model on this machine")
@flag("--dry-run", beyond=True, help="Only measure, keep nothing")
@flag("--reset", beyond=True, help="Forget what was found, measure nothing")
@flag("--json", "as_json", beyond=True, help="Print what was measured as JSON")
def command_line(invocation: Invocation, words: tuple[str, ...], dry_run: bool, reset: bool, as_json: bool) -> None:
    """Measure one thing after the other against what was best so far. Takes minutes; other work makes it longer."""
    if dry_run and reset:
        raise BadRequest("--dry-run and --reset exclude each other")
    (model,) = words
    found = _follow(invocation.console, invocation.client.tune(model, dry_run=dry_run, reset=reset))
    if as_json:
        told = {"tried": found.tried, "values": found.values, "kept": not dry_run}
        invocation.console.write_json(told)
    else:
        invocation.console.write(_shown(found, model, is_kept=not dry_run, was_reset=reset))


def _follow(console: Console, reports: Iterator[Tuned]) -> Tuned:
    """Show what is being measured; the last report."""
    report = Tuned()
    with Progress(console) as progress:
        spinner: Spinner | None = None
        for report in reports:
            if spinner is not None:
                spinner.settled = True
            if report.status.startswith(("measuring", "waiting")):
                spinner = Spinner(report.status)
                progress.add(spinner)
    return report


def _shown(found: Tuned, model: str, *, is_kept: bool, was_reset: bool) -> str:
    if was_reset:
        return printable(f"what was found for {model} is forgotten\n")
    rows = [(each.what, printable(each.value), _result(each)) for each in found.tried]
    values = ", ".join(f"{name} {value}" for name, value in found.values.items())
    where = "kept, and used from the next load on" if is_kept else "not kept"
    end = f"{model}: {values} ({where})\n" if values else f"{model}: nothing is clearly faster than usual\n"
    return table(("TRIED", "VALUE", "AGAINST THE BEST"), rows, trimmed=True) + printable(end)


def _result(tried: Tried) -> str:
    if tried.problem:
        how = f"{tried.gain:.2f}x as fast, not kept" if tried.gain else "not possible"
        return printable(f"{how}: {tried.problem}")
    return f"{tried.gain:.2f}x as fast" + (", kept" if tried.kept else "")
