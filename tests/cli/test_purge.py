"""purge: tells, asks, removes."""

import json
from pathlib import Path

import pytest

from tests.cli.program import run_program
from tests.fakes.stub_server import Answer, StubServer, stub_server
from tests.fakes.terminal import program_on_terminal

FILES = [
    {"name": "sha256-a", "kind": "unused blob", "bytes": 1_000_000},
    {"name": "sha256-b", "kind": "unused blob", "bytes": 2_000_000},
    {"name": "sha256-c-partial", "kind": "unfinished download", "bytes": 5000},
]
SOME = Answer(lines=[{"status": "success", "bytes": 3_005_000, "files": FILES}])
NOTHING = Answer(lines=[{"status": "success", "bytes": 0, "files": []}])
TOLD = "2 unused blobs            3 MB\n1 unfinished download     5 KB\n"


def asked(stub: StubServer) -> list[bool]:
    return [body["dry_run"] for body in stub.bodies("/api/purge")]


def test_a_dry_run_only_tells(tmp_path: Path) -> None:
    with stub_server({("POST", "/api/purge"): SOME}) as stub:
        done = run_program("purge", "--dry-run", home=tmp_path, address=stub.address)
        assert (done.returncode, done.stdout.decode()) == (0, TOLD)
        assert asked(stub) == [True]


def test_nothing_is_removed_unasked(tmp_path: Path) -> None:
    with stub_server({("POST", "/api/purge"): SOME}) as stub:
        done = run_program("purge", home=tmp_path, address=stub.address, stdin=b"y\n")
        assert done.returncode == 1
        assert b"Error: nothing was removed, because nobody can be asked; --yes" in done.stderr
        assert asked(stub) == [True]
        done = run_program("purge", "--yes", home=tmp_path, address=stub.address)
        assert done.stdout.decode() == f"{TOLD}freed 3.0 MB\n"
        assert asked(stub) == [True, True, False]


@pytest.mark.parametrize(("key", "removes"), [("y", True), ("n", False), ("", False)])
def test_asking(tmp_path: Path, key: str, removes: bool) -> None:
    with (
        stub_server({("POST", "/api/purge"): SOME}) as stub,
        program_on_terminal("purge", home=tmp_path, address=stub.address) as terminal,
    ):
        terminal.wait_for("Remove them and free 3.0 MB? [y/N]")
        terminal.send(f"{key}\r")
        assert terminal.wait_for_end() == 0
        assert asked(stub) == ([True, False] if removes else [True])


def test_nothing_to_do(tmp_path: Path) -> None:
    with stub_server({("POST", "/api/purge"): NOTHING}) as stub:
        done = run_program("purge", home=tmp_path, address=stub.address)
        assert (done.returncode, done.stdout) == (0, b"there is nothing that no model uses\n")
        done = run_program("purge", "--json", home=tmp_path, address=stub.address)
        assert json.loads(done.stdout) == {"bytes": 0, "files": []}
