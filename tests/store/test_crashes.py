"""The store is whole whenever a process dies, and however many processes work on it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.store.stored import damage_in

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs processes that fork and locks between them")


def start(program: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", f"tests.store.{program}", *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("scenario", ["create_new", "create_over", "copy_over", "delete", "purge"])
def test_death_at_any_call_leaves_a_whole_store(tmp_path: Path, scenario: str) -> None:
    out, errors = start("crashing", tmp_path, scenario).communicate(timeout=120)
    assert errors == ""
    result = json.loads(out)
    assert result["found"] == []
    assert result["status"] == 0
    assert result["deaths"] > 10


def test_two_processes_lose_nothing(tmp_path: Path) -> None:
    contenders = [start("contending", tmp_path, who, 4) for who in ("left", "right")]
    for contender in contenders:
        out, errors = contender.communicate(timeout=60)
        assert errors == ""
        result = json.loads(out)
        assert result["lost"] == []
        assert result["rounds"] > 0
    assert damage_in(tmp_path) == []
