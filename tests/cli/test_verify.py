"""verify: what is told of damage, and how it ends."""

import json
from pathlib import Path

from tests.cli.program import run_program
from tests.fakes.stub_server import Answer, stub_server

STEP = {"status": "verifying", "total": 1000, "completed": 500}
DAMAGES = [
    {"digest": "sha256:ab", "problem": "is missing", "models": ["m:latest", "n\x1b[2J:latest"]},
    {"digest": "sha256:cd", "problem": "its bytes are not what its digest says", "models": []},
    {"digest": "", "problem": "the manifest of x is damaged", "models": ["x:latest"]},
]


def answer(*damages: object) -> Answer:
    return Answer(lines=[STEP, {"status": "success", "blobs": 3, "bytes": 1000, "damages": list(damages)}])


def test_nothing_is_damaged(tmp_path: Path) -> None:
    with stub_server({("POST", "/api/verify"): answer()}) as stub:
        done = run_program("verify", "a", "b", home=tmp_path, address=stub.address)
    assert (done.returncode, done.stdout) == (0, b"3 blobs, 1 KB: nothing is damaged\n")
    assert done.stderr.decode().startswith("verifying 100% ")
    assert stub.bodies("/api/verify") == [{"models": ["a", "b"]}]


def test_damage_is_named_with_whom_it_hurts(tmp_path: Path) -> None:
    with stub_server({("POST", "/api/verify"): answer(*DAMAGES)}) as stub:
        done = run_program("verify", home=tmp_path, address=stub.address)
    assert done.returncode == 1
    assert done.stdout.decode().splitlines() == [
        "sha256:ab: is missing",
        "  used by m:latest, n[2J:latest",
        "sha256:cd: its bytes are not what its digest says",
        "  used by no model",
        "the manifest of x is damaged",
        "  used by x:latest",
    ]
    assert "Error: the models folder is damaged in 3 places: remove the models" in done.stderr.decode()


def test_a_file_that_is_no_models_is_to_be_moved_and_not_pulled_again(tmp_path: Path) -> None:
    stray = {"digest": "", "problem": "manifests/a/b is no name of a model", "models": []}
    with stub_server({("POST", "/api/verify"): answer(stray)}) as stub:
        done = run_program("verify", home=tmp_path, address=stub.address)
    first, second = done.stdout.decode().splitlines()
    assert first == "manifests/a/b is no name of a model"
    assert second.startswith("  move it away: ")


def test_as_json(tmp_path: Path) -> None:
    with stub_server({("POST", "/api/verify"): answer(*DAMAGES)}) as stub:
        done = run_program("verify", "--json", home=tmp_path, address=stub.address)
    assert done.returncode == 1
    assert json.loads(done.stdout) == {"blobs": 3, "bytes": 1000, "damages": DAMAGES}


def test_a_server_without_the_route_is_told(tmp_path: Path) -> None:
    with stub_server({}) as stub:
        done = run_program("verify", home=tmp_path, address=stub.address)
    assert done.returncode == 1
    assert "Error: 404 Not Found" in done.stderr.decode()
