"""doctor: how findings look, and how it ends."""

import json
from pathlib import Path

from tests.cli.program import run_program
from tests.fakes.stub_server import Answer, stub_server

FINE = {"topic": "memory", "verdict": "ok", "text": "8.0 GiB of 16.0 GiB may be taken"}
NOTE = {"topic": "memory", "verdict": "note", "text": "a limit", "advice": "raise it"}
PROBLEM = {"topic": "engine", "verdict": "problem", "text": "dies\x1b[2J", "advice": "take another"}


def doctor(home: Path, *findings: object, flags: tuple[str, ...] = ()) -> tuple[int, str, str]:
    with stub_server({("GET", "/api/doctor"): Answer(lines=[{"findings": list(findings)}])}) as stub:
        done = run_program("doctor", *flags, home=home, address=stub.address)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def test_all_is_well(tmp_path: Path) -> None:
    code, output, errors = doctor(tmp_path, FINE, NOTE)
    assert (code, errors) == (0, "")
    assert output == "Memory\n    8.0 GiB of 16.0 GiB may be taken\n  - a limit\n      raise it\n"


def test_a_problem_ends_with_an_error(tmp_path: Path) -> None:
    code, output, errors = doctor(tmp_path, FINE, PROBLEM)
    assert code == 1
    assert output.endswith("\nEngine\n  ! dies[2J\n      take another\n")
    assert "Error: 1 problem found" in errors


def test_as_json(tmp_path: Path) -> None:
    code, output, _ = doctor(tmp_path, PROBLEM, flags=("--json",))
    assert code == 1
    assert json.loads(output) == [PROBLEM]


def test_what_answers_may_be_another_program(tmp_path: Path) -> None:
    for answers in ({}, {("GET", "/api/doctor"): Answer("<html>")}):
        with stub_server(answers) as stub:
            done = run_program("doctor", home=tmp_path, address=stub.address)
        assert (done.returncode, done.stdout) == (1, b"")
        assert b"is another program" in done.stderr
        assert b"set OLLAMA_HOST" in done.stderr


def test_an_error_of_the_server_is_told_as_it_is(tmp_path: Path) -> None:
    with stub_server({("GET", "/api/doctor"): Answer({"error": "only from this machine"}, status=403)}) as stub:
        done = run_program("doctor", home=tmp_path, address=stub.address)
    assert b"only from this machine" in done.stderr
