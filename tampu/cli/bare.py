"""The program without a command: the version, the page that says what there is or, at a terminal, the menu."""

from collections.abc import Callable, Mapping, Sequence

from tampu.cli.catalog import whole_page
from tampu.cli.grammar import HELP
from tampu.cli.invocation import Invocation


def run_bare(
    invocation: Invocation,
    arguments: Sequence[str],
    given: Mapping[str, object],
    run_line: Callable[[Sequence[str]], int],
) -> None:
    """Answer to flags alone: `arguments`, and what they mean. `run_line` runs what is chosen; raises TampuError."""
    console = invocation.console
    if given.get(HELP):
        console.write(whole_page(invocation.program))
    elif given.get("version"):
        # Only now, as below: most command lines need neither.
        from tampu.cli.version import version_report  # noqa: PLC0415

        console.write(version_report(invocation))
    elif console.reads_terminal and console.writes_terminal:
        from tampu.cli.menu import run_menu  # noqa: PLC0415

        run_menu(invocation, run_line, flags=arguments)
    else:
        # Ollama's menu looks for a server before it looks for a person.
        if invocation.is_ollama:
            invocation.demand_server()
        console.write(whole_page(invocation.program))
