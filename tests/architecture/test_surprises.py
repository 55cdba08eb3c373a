"""Every surprise of Ollama that is known has a test, or a line that says what we do instead. See surprises.toml."""

import ast
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.differences import lines
from tests.journeys.agreement import STAGES
from tests.recordings import recording

ROOT = Path(__file__).parents[2]
KNOWN = tomllib.loads((Path(__file__).parent / "surprises.toml").read_text())
ENTRIES = [(f"{part} {number}", entry) for part, entries in KNOWN.items() for number, entry in entries.items()]
COUNTS = {"api": 40 + 6, "prompting": 36}


def test_none_is_left_out() -> None:
    assert {part: len(entries) for part, entries in KNOWN.items()} == COUNTS


@pytest.mark.parametrize(("name", "entry"), ENTRIES, ids=[name for name, _ in ENTRIES])
def test_a_surprise_is_held_by_something(name: str, entry: dict[str, Any]) -> None:
    assert {"played", "test", "line", "waits"} & entry.keys(), name
    assert [step for step in entry.get("played", ()) if not is_played(step)] == []
    assert [test for test in entry.get("test", ()) if not exists(test)] == []
    assert [line for line in entry.get("line", ()) if line not in lines()] == []


def is_played(text: str) -> bool:
    part, _, step = text.partition(": ")
    played = {name for stage in STAGES for name in stage.parts}
    return part in played and any(each.get("name") == step for each in recording(f"{part}.json")["steps"])


def exists(text: str) -> bool:
    path, _, name = text.partition("::")
    tree = ast.parse((ROOT / path).read_text())
    return any(isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name == name for node in tree.body)
