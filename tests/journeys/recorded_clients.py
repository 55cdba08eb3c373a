"""Runs the recorded client libraries, unmodified and of the recorded versions, and says what they got otherwise.

Each script in `tests/golden/clients` prints a JSON list of {step, result}. Deliberate differences are those of
`explained.toml`, under parts called `clients/NAME`.
"""

import json
import re
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.journeys.agreement import _TOOL, Explanation, Result, Rule, rules_for, taken
from tests.journeys.packages import node_folder, python_of
from tests.recordings import GOLDEN, recording

_VOLATILE = {
    *"created_at modified_at expires_at total_duration load_duration prompt_eval_duration eval_duration".split(),
    *"created completed_at size_vram id item_id call_id tool_call_id tool_use_id request_id response_id".split(),
    "system_fingerprint",
}
_MARKS = (
    (r"(?<![\w.])(call_|chatcmpl-|cmpl-|resp_|msg_|rs_|fc_|req_|toolu_|run-+|lc_run-+)[0-9a-zA-Z_-]{2,}", r"\1*"),
    (r"\b20\d\d-\d\d-\d\d[T ]\d\d:\d\d[0-9:.,+Z-]*", "<time>"),
    (r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "<uuid>"),
    (r"http://(127\.0\.0\.1|localhost):\d{4,5}", "{BASE}"),
)
_PRINTS_BEHIND = "\n@@@"
"""Where a script puts its list if the library prints, too."""


@dataclass(frozen=True)
class Client:
    """A library with its version, and the script that uses it."""

    script: str
    packages: tuple[str, ...]

    def command(self) -> list[str]:
        """What runs it, the library fetched if it is not there yet; skips the test where that cannot be."""
        script = GOLDEN / "clients" / self.script
        if script.suffix == ".py":
            return [str(python_of(self.packages)), "-B", str(script)]
        here = node_folder(self.packages) / self.script  # where it looks for modules
        here.write_bytes(script.read_bytes())
        return ["node", str(here)]


CLIENTS: Mapping[str, Client] = {
    "python_ollama": Client("python_ollama.py", ("ollama==0.6.3",)),
    "openai_python": Client("openai_python.py", ("openai==2.54.0",)),
    "anthropic_python": Client("anthropic_python.py", ("anthropic==2.11.0",)),
    "langchain_ollama": Client("langchain_ollama_run.py", ("langchain-ollama==1.1.0", "ollama==0.6.3")),
    "js_ollama": Client("js_ollama.mjs", ("ollama@0.6.4",)),
}


def play(name: str, url: str, environment: Mapping[str, str], known: Sequence[Explanation]) -> Result:
    """Run the client against the server at `url`, which has the models of the dialects."""
    result, start = Result(f"clients/{name}"), time.monotonic()
    run = subprocess.run(
        [*CLIENTS[name].command(), url],
        capture_output=True,
        text=True,
        timeout=300,
        env={**environment, "NO_PROXY": "*"},
    )
    _, found, printed = run.stdout.rpartition(_PRINTS_BEHIND)
    assert printed.strip(), run.stderr[-1500:]
    told, _ = json.JSONDecoder().raw_decode((printed if found else run.stdout).lstrip())
    have = {step["step"]: masked(step["result"]) for step in told}
    rules = rules_for(result.part, known)
    for step in recording(f"clients/{name}.json"):
        result.cases += 1
        _compare(step["step"], step["result"], have.get(step["step"]), rules, result)
    result.seconds = time.monotonic() - start
    return result


def _compare(name: str, want: Any, got: Any, rules: Sequence[Rule], result: Result) -> None:
    step, answer = {"name": name, "response": {"status": _status(want)}}, {"status": _status(got)}
    lines: list[str] = []
    _TOOL.differ({"result": want}, {"result": got}, "", step, lines)
    covering = {line: [rule for rule in rules if rule.covers(step, answer, line)] for line in lines}
    result.used |= set().union(*(candidates[:1] for candidates in covering.values()))
    if unexplained := [line for line, candidates in covering.items() if not candidates]:
        result.differing[name] = unexplained
    elif lines:
        result.explained[name] = taken(covering)


def _status(told: Any) -> int:
    """Of what a script tells: that of an answer, or of an error which the library raised."""
    return 400 if isinstance(told, dict) and "raised" in told else 200


def masked(value: Any, key: str = "") -> Any:
    """`value` with a mark in place of whatever differs from run to run."""
    if key in _VOLATILE and value is not None and not isinstance(value, dict | list):
        return "<number>" if isinstance(value, int | float) else "<text>"
    match value:
        case dict():
            return {name: masked(item, name) for name, item in value.items()}
        case list():
            return [masked(item) for item in value]
        case float():
            return round(value, 3)
        case str():
            for pattern, mark in _MARKS:
                value = re.sub(pattern, mark, value)
    return value
