"""The recorded command lines, replayed by the checker that recorded them, against the program under Ollama's name."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.recordings import unpack

NOT_YET = {
    "help.json": {"help of the program", "help of signin", "help of signout", "launch help"},
    "noserver.json": {
        "no server: signin",
        "no server: signout",
        "no server: launch",
        "no server: launch claude --model x",
        "no server: no words at all",
        "host: port out of range",
        "host: text port",
        "host: negative port",
    },
    "usage.json": {"words: signin x", "words: signout x"},
    "stub.json": {
        "signin: already",
        "signin: not yet",
        "signin: nameless",
        "signin: error",
        "login is signin",
        "signout: ok",
        "signout: not signed in",
        "signout: error",
        "logout is signout",
    },
}
"""Sign-in, the launcher and the warning of a bad port are other work."""

DELIBERATE = {
    "noserver.json": {"no server: --version", "no server: -v"},  # our version is not 0.0.0
    "usage.json": {"flag: list --json"},  # a flag of ours
    "stub.json": {"version: other server", "version: no version in the answer", "version: server error"},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unpack(tmp_path_factory.mktemp("golden"))


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program as `ollama`, which does not start servers by itself."""
    place = tmp_path_factory.mktemp("bin")
    (place / "named").mkdir()
    (place / "named" / "ollama").write_text("from tampu.cli.main import main\n\nmain()\n")
    script = place / "ollama"
    script.write_text(f'#!/bin/sh\nTAMPU_AUTOSTART=0 exec "{sys.executable}" "{place}/named/ollama" "$@"\n')
    script.chmod(0o755)
    return script


@pytest.mark.parametrize("group", ["help.json", "noserver.json", "usage.json", "stub.json"])
def test_recorded_command_lines(folder: Path, program: Path, group: str) -> None:
    done = subprocess.run(
        [sys.executable, "commands.py", "check", str(program), f"commands/{group}"],
        cwd=folder / "cli",
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert re.search(r"^\d+ cases, \d+ differ$", done.stdout, re.MULTILINE), done.stderr
    differing = set(re.findall(rf"^{re.escape(group)} (.*): \w+$", done.stdout, re.MULTILINE))
    known = NOT_YET.get(group, set()) | DELIBERATE.get(group, set())
    assert differing == known, done.stdout
