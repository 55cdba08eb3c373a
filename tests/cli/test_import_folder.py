"""import: what is added, what is there already, what fails alone."""

import hashlib
import json
import os
import sys
from pathlib import Path

import pytest

from tests.cli.program import run_program
from tests.fakes.stub_server import Answer, stub_server

WEIGHTS = b"GGUF" + bytes(100)
BLOB = f"/api/blobs/sha256:{hashlib.sha256(WEIGHTS).hexdigest()}/adopt"
TAGS = Answer({"models": [{"name": "old:latest"}]})
TAKEN = Answer(lines=[{"status": "adopting file", "digest": "x", "total": 10, "completed": 10}, {"status": "success"}])
MADE = Answer(lines=[{"status": "success"}])


def folder_in(home: Path) -> Path:
    folder = home / "models"
    folder.mkdir()
    (folder / "new-Q4_0.gguf").write_bytes(WEIGHTS)
    (folder / "old.gguf").write_bytes(WEIGHTS + b"old")
    return folder


def test_new_models_are_added_where_they_lie(tmp_path: Path) -> None:
    folder = folder_in(tmp_path)
    answers = {("GET", "/api/tags"): TAGS, ("POST", BLOB): TAKEN, ("POST", "/api/create"): MADE}
    with stub_server(answers) as stub:
        done = run_program("import", "models", home=tmp_path, address=stub.address)
    assert (done.returncode, done.stdout) == (0, b"added new:q4_0\nold:latest is there already\n")
    assert stub.bodies(BLOB) == [{"path": str(folder / "new-Q4_0.gguf"), "or_point": True}]
    (body,) = stub.bodies("/api/create")
    assert body["model"] == "new:q4_0"
    assert list(body["files"]) == ["new-Q4_0.gguf"]


def test_a_dry_run_only_tells(tmp_path: Path) -> None:
    folder = folder_in(tmp_path)
    with stub_server({("GET", "/api/tags"): TAGS}) as stub:
        done = run_program("import", str(folder), "--dry-run", home=tmp_path, address=stub.address)
    assert done.stdout.decode().splitlines()[0] == f"new:q4_0 would be added: {folder}/new-Q4_0.gguf"
    assert [path for _, path, _ in stub.asked] == ["/", "/api/tags"]


def test_what_becomes_of_each_as_json(tmp_path: Path) -> None:
    folder = folder_in(tmp_path)
    (folder / "last.gguf").write_bytes(WEIGHTS + b"last")
    answers = {("GET", "/api/tags"): TAGS, ("POST", BLOB): TAKEN, ("POST", "/api/create"): MADE}
    with stub_server(answers) as stub:
        done = run_program("import", "models", "--json", home=tmp_path, address=stub.address)
        dry = run_program("import", "models", "--json", "--dry-run", home=tmp_path, address=stub.address)
    last, new, old = json.loads(done.stdout)
    assert done.returncode == 1
    assert (last["name"], last["state"], last["error"][:13]) == ("last:latest", "failed", "404 Not Found")
    assert new == {"name": "new:q4_0", "state": "added", "files": [str(folder / "new-Q4_0.gguf")]}
    assert (old["name"], old["state"]) == ("old:latest", "present")
    assert [model["state"] for model in json.loads(dry.stdout)] == ["new", "new", "present"]


def test_one_that_fails_does_not_keep_the_others_out(tmp_path: Path) -> None:
    folder = folder_in(tmp_path)
    (folder / "last.gguf").write_bytes(WEIGHTS + b"last")
    answers = {("GET", "/api/tags"): TAGS, ("POST", BLOB): TAKEN, ("POST", "/api/create"): MADE}
    with stub_server(answers) as stub:
        done = run_program("import", str(folder), home=tmp_path, address=stub.address)
    assert done.returncode == 1
    assert b"added new:q4_0\n" in done.stdout
    assert b"last:latest was not added: 404 Not Found" in done.stderr
    assert b"Error: 1 of 3 models could not be added\n" in done.stderr


def test_places_that_will_not_do(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with stub_server({("GET", "/api/tags"): TAGS}) as stub:
        done = run_program("import", "nowhere", home=tmp_path, address=stub.address)
        assert done.stderr.startswith(b"Error: nowhere is no folder\n")
        done = run_program("import", "empty", home=tmp_path, address=stub.address)
        assert (done.returncode, done.stdout) == (0, b"no GGUF files are there\n")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names of files are text")
def test_a_name_that_is_no_text_is_told_and_goes_to_no_server(tmp_path: Path) -> None:
    folder = folder_in(tmp_path)
    (folder / "old.gguf").unlink()
    (folder / "new-Q4_0.gguf").rename(folder / os.fsdecode(b"gr\xfcn.gguf"))
    with stub_server({("GET", "/api/tags"): TAGS, ("POST", BLOB): TAKEN}) as stub:
        done = run_program("import", "models", "--json", home=tmp_path, address=stub.address)
        assert stub.bodies(BLOB) == []
    (told,) = json.loads(done.stdout)
    assert told["files"] == [f"{folder}/gr\ufffdn.gguf"]
    assert (told["state"], told["error"]) == ("failed", "the name of gr\ufffdn.gguf is no text; rename it")
    assert b"internal error" not in done.stderr
