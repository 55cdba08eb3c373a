"""`doctor`: what was found on this machine, what is wrong, and how to mend it."""

from itertools import groupby

from tampu.cli.command import command
from tampu.cli.grammar import NO_WORDS, flag
from tampu.cli.invocation import Invocation
from tampu.client.answers import Finding
from tampu.errors import ServerError, ServerUnreachable, TampuError
from tampu.terminal.console import printable

_UNKNOWN_ROUTE = {200, 404, 405, 501}
"""How servers answer to what they do not know; 200 with what cannot be read is a page."""
_MARKS = {"ok": "  ", "note": "- ", "problem": "! "}


@command("doctor", words=NO_WORDS, help="Examine this machine and what is stored")
@flag("--json", "as_json", beyond=True, help="Print what was found as JSON")
def command_line(invocation: Invocation, words: tuple[str, ...], as_json: bool) -> None:  # noqa: ARG001  # takes none
    """Ask the server to look at its machine, its engine and its models folder; fails if something is wrong."""
    findings = _findings(invocation)
    if as_json:
        invocation.console.write_json(findings)
    else:
        groups = groupby(findings, key=lambda finding: finding.topic)
        invocation.console.write("\n".join(_section(topic, list(found)) for topic, found in groups))
    problems = sum(finding.verdict == "problem" for finding in findings)
    if problems:
        raise TampuError(f"{problems} problem{'' if problems == 1 else 's'} found")


def _findings(invocation: Invocation) -> list[Finding]:
    """What the server finds; raises ServerUnreachable where what answers is none of ours."""
    try:
        return invocation.client.examine()
    except ServerError as error:
        if error.status not in _UNKNOWN_ROUTE:
            raise
    raise ServerUnreachable(
        f"what answers at {invocation.settings.address.url} is another program, or another server of models, and does "
        "not examine itself: end it, or set OLLAMA_HOST to another address"
    )


def _section(topic: str, findings: list[Finding]) -> str:
    lines = [topic.capitalize()]
    for finding in findings:
        lines.append(f"  {_MARKS.get(finding.verdict, '  ')}{finding.text}")
        lines += [f"      {finding.advice}"] if finding.advice else []
    return printable("\n".join(lines)) + "\n"
