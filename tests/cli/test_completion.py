"""Completion: what bash, zsh and fish themselves make of the scripts."""

import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pexpect
import pytest

from tampu.cli.catalog import COMMANDS
from tests.cli.program import run_program
from tests.fakes.stub_server import Answer, stub_server

MODELS = ["smollm2:135m", "smollm2:360m", "hf.co/me/m:Q4_K_M", "evil$(touch owned):x"]


@contextmanager
def surroundings(home: Path) -> Iterator[dict[str, str]]:
    """The environment of a shell that finds the program, with a server that has MODELS."""
    answers = {("GET", "/api/tags"): Answer({"models": [{"name": name, "digest": "0" * 64} for name in MODELS]})}
    program = home / "tampu"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m tampu "$@"\n')
    program.chmod(0o755)
    with stub_server(answers) as stub:
        yield {
            "PATH": f"{home}:/usr/bin:/bin", "HOME": str(home), "OLLAMA_HOST": stub.address.url, "LANG": "C.UTF-8",
            "PYTHONPATH": str(Path(__file__).parents[2]),
        }  # fmt: skip
    assert not (home / "owned").exists(), "a name is never run"


def completed(home: Path, line: str, *, colons: bool = True) -> list[str]:
    """What pressing Tab at the end of `line` offers."""
    script = f"""
        {"" if colons else "COMP_WORDBREAKS=${COMP_WORDBREAKS//:/}"}
        eval "$(tampu completion bash)"
        COMP_LINE={shlex.quote(line)} COMP_POINT={len(line)}
        _tampu
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    with surroundings(home) as environment:
        done = subprocess.run(
            ["bash", "-c", script], env=environment, cwd=home, capture_output=True, text=True, timeout=60
        )
    assert done.stderr == ""
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


@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed here, and only fish can tell")
@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("tampu ver", ["verify"]),
        ("tampu run smollm2", ["smollm2:135m", "smollm2:360m"]),
        ("tampu run smollm2:1", ["smollm2:135m"]),
        ("tampu rm smollm2:135m ev", ["evil$(touch"]),
        ("tampu run --th", ["--think"]),
        ("tampu completion z", ["zsh"]),
        ("tampu import mo", ["models/"]),
    ],
)
def test_fish(tmp_path: Path, line: str, offered: list[str]) -> None:
    (tmp_path / "models").mkdir()
    with surroundings(tmp_path) as environment:
        script = f"tampu completion fish | source; complete -C {shlex.quote(line)}"
        done = subprocess.run(
            ["fish", "--no-config", "-c", script],
            env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
    assert done.stderr == ""
    assert [word.split("\t")[0] for word in done.stdout.splitlines()] == offered


@pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is not installed here, and only zsh can tell")
@pytest.mark.parametrize(
    ("line", "becomes"),
    [
        ("tampu ver", "tampu verify "),
        ("tampu run smollm2:1", "tampu run smollm2:135m "),
        ("tampu run smollm2", "tampu run smollm2:"),
        ("tampu run --th", "tampu run --think "),
        ("tampu rm smollm2:135m ev", "tampu rm smollm2:135m evil\\$\\(touch "),
        ("tampu completion z", "tampu completion zsh "),
        ("tampu import mo", "tampu import models/"),
    ],
)
def test_zsh(tmp_path: Path, line: str, becomes: str) -> None:
    (tmp_path / "models").mkdir()
    with surroundings(tmp_path) as environment:
        shell = pexpect.spawn("zsh", ["-f"], env={**environment, "TERM": "dumb"}, cwd=str(tmp_path), encoding="utf-8")
        try:
            shell.sendline(
                "PS1=; unsetopt zle_bracketed_paste 2>/dev/null; autoload -U compinit && compinit -D; "
                "source <(tampu completion zsh); "
                "told() { print -r -- \"<$BUFFER>\" }; zle -N told; bindkey '^X' told; print rea''dy"
            )
            shell.expect("ready", timeout=60)
            shell.send(f"{line}\t\x18")
            shell.expect("<(.*?)>", timeout=60)
            assert shell.match.group(1) == becomes
        finally:
            shell.close(force=True)


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
