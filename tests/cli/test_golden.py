"""The recorded command lines and sessions, played with the tools that recorded them, under Ollama's name."""

import contextlib
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.architecture.source import ROOT
from tests.cli.recorded import (
    EXPLAINED,
    Tools,
    cases_of,
    explained_cases,
    is_later,
    lines_for,
    part_of,
    tools_in,
)
from tests.cli.retold import retold
from tests.differences import lines
from tests.journeys.rewritten import Terms
from tests.recordings import recording, unpack
from tests.tally import Tally

COMMANDS = [
    "help", "noserver", "stub", "usage",
    *(pytest.param(group, marks=pytest.mark.golden) for group in (
        "create", "embed", "launch", "library", "run", "serve", "show", "terminal", "think",
    )),
]  # fmt: skip
SESSIONS = ["answers", "help", "keys", "lines", "load-save", "menu", "set", "show", "start", "stub"]
PLAYED_ALWAYS = {
    "lines": {"triple quotes", "bracketed paste", "Ctrl-J"},
    "keys": {"moving", "history from the file", "editor", "editor missing"},
    "start": {"Ctrl-C at the prompt", "history of the model"},
    "stub": {"Ctrl-C in an answer", "errors in a turn"},
}
"""The sessions of `make test`; `make golden` plays all."""
TELL_OF_WEIGHTS = {"show"}
"""Groups that show what is stored of weights, which is compared in Ollama's terms."""
PORT_OF_BAD_PORTS = 11434


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Tools:
    """The program as `ollama`, which does not start servers by itself."""
    place = tmp_path_factory.mktemp("bin")
    (place / "named").mkdir()
    (place / "named" / "ollama").write_text("from tampu.cli.main import main\n\nmain()\n")
    script = place / "ollama"
    script.write_text(
        f'#!/bin/sh\nPYTHONPATH="{ROOT}" TAMPU_AUTOSTART=0 exec "{sys.executable}" "{place}/named/ollama" "$@"\n'
    )
    script.chmod(0o755)
    return tools_in(unpack(tmp_path_factory.mktemp("golden")), script)


@pytest.mark.parametrize("group", COMMANDS)
def test_recorded_command_lines(tools: Tools, tally: Tally, group: str) -> None:
    scenario, file = recording(f"cli/commands/{group}.json"), f"commands/{group}"
    told, later = [], []
    how = {key: scenario[key] for key in ("serve_env", "ages") if key in scenario}
    with contextlib.ExitStack() as kept:
        stage = kept.enter_context(
            tools.stage_for(scenario.get("models", []), serves=scenario.get("serve", True), **how)
        )
        if group in TELL_OF_WEIGHTS:
            terms = Terms(Path(stage.environment()["OLLAMA_MODELS"]))
            stage.port = kept.enter_context(retold(stage.port, terms))
        for case in cases_of(file):
            if _needs_the_usual_port(case) and _listens(PORT_OF_BAD_PORTS):
                continue
            found = list(tools.commands.differences(case, tools.commands.run_case(stage, case)))
            _count(tally, file, case["name"], differs=bool(found))
            if is_later(file, case["name"]):
                later += [] if found else [case["name"]]
            elif found:
                told += [
                    f"{case['name']}: {key}\n  expected {want!r}\n  got      {have!r}" for key, want, have in found
                ]
    assert not told, "\n".join(told)
    assert not later, "these agree now: take them out of explained.toml"


def _count(tally: Tally, file: str, name: str, *, differs: bool) -> None:
    known = lines_for(file, name) if is_later(file, name) or not differs else []
    tally.add(part_of(file, name), 1, [known] if known else [], differ=int(differs and not known))


def _needs_the_usual_port(case: dict[str, object]) -> bool:
    """Those with a bad port go to Ollama's own one, where another server may run on this machine."""
    return "default=11434" in str(case.get("stderr", ""))


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def shared(tools: Tools) -> Iterator[object]:
    """One server for all sessions; each has a home of its own."""
    models = {model for file in SESSIONS for session in cases_of(f"sessions/{file}") for model in session["models"]}
    with tools.stage_for(sorted(models), serves=True) as stage:
        yield stage


def _sessions() -> Iterator[object]:
    for file in SESSIONS:
        for session in cases_of(f"sessions/{file}"):
            is_short = session["name"] in PLAYED_ALWAYS.get(file, ())
            marks = [pytest.mark.xdist_group("sessions"), *([] if is_short else [pytest.mark.golden])]
            yield pytest.param((file, session), id=f"{file}: {session['name']}", marks=marks)


@pytest.mark.parametrize("recorded", list(_sessions()))
def test_recorded_sessions(
    tools: Tools, shared: Any, tally: Tally, tmp_path: Path, recorded: tuple[str, dict[str, Any]]
) -> None:
    file, session = recorded
    stage = shared
    stage.home = str(tmp_path)
    found = list(tools.session.play(stage, session, "check"))
    _count(tally, f"sessions/{file}", session["name"], differs=bool(found))
    told = "\n".join(f"{what}\n  expected {want!r}\n  got      {have!r}" for what, want, have in found)
    if is_later(f"sessions/{file}", session["name"]):
        assert found, "this one agrees now: take it out of explained.toml"
    else:
        assert not found, told


def test_every_rule_has_its_line_and_meets_a_case() -> None:
    assert set(EXPLAINED) <= set(lines())
    met = {(line, file) for line, file, _ in explained_cases()}
    assert met == {(line, rule["file"]) for line, table in EXPLAINED.items() for rule in table["rules"]}
