"""The recorded command lines and sessions, amended by what we do otherwise on purpose, and how they are played."""

import contextlib
import importlib
import re
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.recordings import recording

EXPLAINED = tomllib.loads((Path(__file__).parent / "explained.toml").read_text())
VERSION_FLAGS = (["--version"], ["-v"])
LATER = "Not built yet"
"""The table of cases that other work will make agree; each of them has to differ until then."""


def cases_of(file: str) -> list[Any]:
    """The cases of a recording, `commands/show` or `sessions/keys`, as Ollama would have to answer like us."""
    found = recording(f"cli/{file}.json")
    return [amended(file, case) for case in (found if isinstance(found, list) else found["cases"])]


def is_later(file: str, name: str) -> bool:
    return any(_covers(rule, file, name) for rule in EXPLAINED[LATER]["rules"])


def part_of(file: str, name: str) -> str:
    """Under which name of the table of agreement a case counts."""
    return "cli, not built yet" if is_later(file, name) else "cli"


def lines_for(file: str, name: str) -> list[str]:
    """The lines of docs/differences.md that explain a case, or leave it for later."""
    return [line for line, *case in explained_cases() if case == [file, name]]


def explained_cases() -> Iterator[tuple[str, str, str]]:
    """(line of docs/differences.md, file, case) of all rules that change a case, or leave it for later."""
    for line, table in EXPLAINED.items():
        for rule in table["rules"]:
            for case in _plain_cases(rule["file"]):
                if _covers(rule, rule["file"], case["name"]) and (line == LATER or _changed(case, rule) != case):
                    yield line, rule["file"], case["name"]


def _plain_cases(file: str) -> list[Any]:
    found = recording(f"cli/{file}.json")
    return found if isinstance(found, list) else found["cases"]


def _covers(rule: dict[str, Any], file: str, name: str) -> bool:
    return rule["file"] == file and any(fnmatchcase(name, pattern) for pattern in rule["cases"])


def amended(file: str, case: dict[str, Any]) -> dict[str, Any]:
    """The case with the changes of all rules for it."""
    for line, table in EXPLAINED.items():
        if line == LATER:
            continue
        for rule in table["rules"]:
            if _covers(rule, file, case["name"]):
                case = _changed(case, rule)
    masks = [*case.get("mask", ["DIGEST"]), "SECONDS"]
    # The recorded program was a development build, which calls itself 0.0.0: the number is no behaviour.
    return {**case, "mask": [*masks, "VERSION"] if case["argv"] in VERSION_FLAGS else masks}


def _changed(case: dict[str, Any], rule: dict[str, Any]) -> dict[str, Any]:
    if "steps" in case:
        steps = [_changed_step(step, rule, case["rows"]) for step in case["steps"]]
        for number, parts in rule.get("steps", {}).items():
            steps[int(number)] = {**steps[int(number)], **parts}
        return {**case, "steps": steps, **({"exit": None} if rule.get("goes_on") else {})}
    changed = dict(case)
    for key in ("stdout", "stderr", "screen"):
        if key in case:
            text = "\n".join(case[key]) if isinstance(case[key], list) else case[key]
            changed[key] = re.sub(rule["change"], rule["to"], text)
    return changed


def _changed_step(step: dict[str, Any], rule: dict[str, Any], rows: int) -> dict[str, Any]:
    """A screen on which some lines read otherwise. What grows pushes the top out, and moves the cursor."""
    before: list[str] = step.get("screen", [])
    if "change" not in rule or not before:
        return step
    after = re.sub(rule["change"], rule["to"], "\n".join(before)).split("\n")
    if after == before or "cursor" not in step:
        return {**step, "screen": after}
    place = next((n for n, (one, other) in enumerate(zip(before, after, strict=False)) if one != other), len(before))
    growth = len(after) - len(before)
    row, column = step["cursor"]
    pushed = max(0, max(len(after), row + growth + 1) - rows)

    def moved(old: int) -> int:
        return old - pushed + (growth if old > place else 0)

    style = [[moved(at), *rest] for at, *rest in step.get("style", [])]
    return {**step, "screen": after[pushed:], "cursor": [moved(row), column], "style": style}


@dataclass
class Tools:
    """The modules that made the recordings, and where everything is unpacked."""

    folder: Path
    commands: ModuleType
    session: ModuleType
    stage: ModuleType
    program: Path

    @contextlib.contextmanager
    def stage_for(self, models: Sequence[str], *, serves: bool, **more: Any) -> Iterator[Any]:
        """A home and, if it `serves`, a server with these models."""
        cli = self.folder / "cli"
        world, places = self.stage.world_of(str(cli / "commands" / "any.json"), [str(self.folder / "models")])
        stage = self.stage.Stage(str(self.program), world, places)
        try:
            if serves:
                stage.serve(more.get("serve_env"))
                assert stage.server.poll() is None, (Path(stage.root) / "serve.log").read_text()
                stage.create(models)
                if more.get("ages"):
                    stage.restart(more["ages"], more.get("serve_env"))
            yield stage
        finally:
            stage.close()


def run_until_it_listens(stage: Any, case: dict[str, Any]) -> dict[str, Any]:
    """A case in the background, stopped once it says that it listens; the tool waits for a time instead."""
    out, err = Path(stage.dir) / "out", Path(stage.dir) / "err"
    with out.open("wb") as output, err.open("wb") as errors:
        child = subprocess.Popen(
            [stage.program, *stage.fill(case["argv"])],
            env=stage.environment(case.get("env")),
            cwd=stage.dir,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
        )
    until = time.monotonic() + 60
    while child.poll() is None and b"Listening on" not in err.read_bytes():
        assert time.monotonic() < until, err.read_text()
        time.sleep(0.05)
    child.terminate()
    child.wait(60)
    return {
        "stdout": stage.unfill(out.read_text()),
        "stderr": stage.unfill(err.read_text()),
        "exit": child.returncode,
    }


def tools_in(folder: Path, program: Path) -> Tools:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder / "cli"))
        patch.setattr(sys, "dont_write_bytecode", True)
        named = {name: importlib.import_module(name) for name in ("stage", "commands", "session")}
    # The age of a model that has just been made depends on how busy the machine is.
    named["stage"].MASKS["SECONDS"] = (r"\b\d\d seconds ago", "{SECONDS}")
    named["commands"].run_piped = _in_the_background_or(named["commands"].run_piped)
    return Tools(folder, program=program, **named)


def _in_the_background_or(run: Callable[[Any, dict[str, Any]], dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    def run_either(stage: Any, case: dict[str, Any]) -> dict[str, Any]:
        return run_until_it_listens(stage, case) if case.get("background") else run(stage, case)

    return run_either
