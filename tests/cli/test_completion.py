"""Completion: what bash itself makes of the script, and that the other two name everything too."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tampu.cli.catalog import COMMANDS
from tests.cli.program import run_program
from tests.fakes.stub_server import Answer, stub_server

MODELS = ["smollm2:135m", "smollm2:360m", "hf.co/me/m:Q4_K_M", "evil$(touch owned):x"]


def completed(home: Path, line: str, *, colons: bool = True) -> list[str]:
    """What pressing Tab at the end of `line` offers, with a server that has MODELS."""
    answers = {("GET", "/api/tags"): Answer({"models": [{"name": name, "digest": "0" * 64} for name in MODELS]})}
    program = home / "tampu"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m tampu "$@"\n')
    program.chmod(0o755)
    script = f"""
        {"" if colons else "COMP_WORDBREAKS=${COMP_WORDBREAKS//:/}"}
        eval "$(tampu completion bash)"
        COMP_LINE={shlex.quote(line)} COMP_POINT={len(line)}
        _tampu
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    with stub_server(answers) as stub:
        environment = {
            "PATH": f"{home}:/usr/bin:/bin", "HOME": str(home), "OLLAMA_HOST": stub.address.url,
            "PYTHONPATH": str(Path(__file__).parents[2]),
        }  # fmt: skip
        done = subprocess.run(
            ["bash", "-c", script], env=environment, cwd=home, capture_output=True, text=True, timeout=60
        )
    assert done.stderr == ""
    assert not (home / "owned").exists(), "a name is never run"
    return done.stdout.split("\n")[:-1]


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("tampu ver", ["verify"]),
        ("tampu run smollm2", ["smollm2:135m", "smollm2:360m"]),
        ("tampu run smollm2:1", ["135m"]),
        ("tampu run --verbose hf", ["hf.co/me/m:Q4_K_M"]),
        ("tampu rm smollm2:135m ev", ["evil$(touch"]),
        ("tampu run --th", ["--think"]),
        ("tampu completion z", ["zsh"]),
        ("tampu help pu", ["pull", "push", "purge"]),
        ("tampu nonsense x", [""]),
    ],
)
def test_bash(tmp_path: Path, line: str, offered: list[str]) -> None:
    assert completed(tmp_path, line) == offered


def test_bash_where_colons_do_not_break_words(tmp_path: Path) -> None:
    assert completed(tmp_path, "tampu run smollm2:1", colons=False) == ["smollm2:135m"]


def test_folders(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "mark.txt").touch()
    assert completed(tmp_path, "tampu import mo") == ["models"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_command_is_completed(tmp_path: Path, shell: str) -> None:
    done = run_program("completion", shell, home=tmp_path)
    script = done.stdout.decode()
    assert done.returncode == 0
    assert {name for name in COMMANDS if name not in script} == set()
    assert "@cases@" not in script
    assert "TAMPU_AUTOSTART=0 tampu list" in script, "completing starts no server"


def test_other_shells_are_named(tmp_path: Path) -> None:
    done = run_program("completion", "csh", home=tmp_path)
    assert (done.returncode, done.stderr) == (1, b'Error: unknown shell "csh", known are bash, zsh, fish\n')
