"""create: what is found on disk, what is uploaded, what is asked for."""

import hashlib
from pathlib import Path

import pytest

from tampu.cli.components import gather
from tampu.errors import InvalidModelfile
from tampu.modelfile.parse import parse_modelfile
from tests.cli.program import run_program
from tests.fakes.stub_server import Answer, stub_server

WEIGHTS = b"GGUF" + b"\0" * 100
DIGEST = f"sha256:{hashlib.sha256(WEIGHTS).hexdigest()}"
BLOB = f"/api/blobs/{DIGEST}"
SUCCESS = Answer(lines=[{"status": "parsing GGUF"}, {"status": "success"}])
LEFT = f"gathering model components\ncopying file {DIGEST} 100%\nparsing GGUF\nsuccess\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "w.gguf").write_bytes(WEIGHTS)
    (tmp_path / "Modelfile").write_text("FROM ./w.gguf\nPARAMETER num_ctx 9\nPARAMETER mirostat 1\nMESSAGE user hi\n")
    return tmp_path


def test_a_file_that_the_server_lacks_is_sent(folder: Path) -> None:
    answers = {("POST", BLOB): Answer({}, status=201), ("POST", "/api/create"): SUCCESS}
    with stub_server(answers) as stub:
        done = run_program("create", "mine", "-q", "q4_0", home=folder, address=stub.address)
    assert done.returncode == 0
    assert done.stdout == b"warning: parameter mirostat is deprecated\n"
    assert done.stderr.decode().startswith(LEFT)
    assert [(method, path) for method, path, _ in stub.asked] == [
        ("HEAD", "/"),
        ("HEAD", BLOB),
        ("POST", f"{BLOB}/adopt"),
        ("POST", BLOB),
        ("POST", "/api/create"),
    ]
    assert stub.bodies("/api/create") == [
        {
            "model": "mine",
            "files": {"w.gguf": DIGEST},
            "parameters": {"num_ctx": 9},
            "messages": [{"role": "user", "content": "hi"}],
            "quantize": "q4_0",
        }
    ]


def test_a_file_that_the_server_has_is_not(folder: Path) -> None:
    with stub_server({("HEAD", BLOB): Answer(""), ("POST", "/api/create"): SUCCESS}) as stub:
        done = run_program("create", "mine", home=folder, address=stub.address)
    assert done.stderr.decode().startswith(LEFT)
    assert ("POST", BLOB) not in [(method, path) for method, path, _ in stub.asked]


def test_a_file_that_the_server_takes_from_where_it_lies_is_not_sent(folder: Path) -> None:
    steps = [{"status": "adopting file", "digest": DIGEST, "total": 104, "completed": 52}, {"status": "success"}]
    with stub_server({("POST", f"{BLOB}/adopt"): Answer(lines=steps), ("POST", "/api/create"): SUCCESS}) as stub:
        done = run_program("create", "mine", home=folder, address=stub.address)
    assert done.stderr.decode().startswith(LEFT)
    assert stub.bodies(f"{BLOB}/adopt") == [{"path": str(folder / "w.gguf"), "or_point": False}]
    assert stub.bodies(BLOB) == [None]


def test_an_upload_that_is_refused_says_why(folder: Path) -> None:
    with stub_server({("POST", BLOB): Answer({"error": "disk full"}, status=500)}) as stub:
        done = run_program("create", "mine", home=folder, address=stub.address)
    assert done.returncode == 1
    assert "Error: disk full\n" in done.stderr.decode()


def test_a_missing_modelfile_means_this_folder(folder: Path) -> None:
    (folder / "Modelfile").unlink()
    answers = {("HEAD", BLOB): Answer(""), ("POST", "/api/create"): SUCCESS}
    with stub_server(answers) as stub:
        run_program("create", "mine", "-f", "nowhere", home=folder, address=stub.address)
    assert stub.bodies("/api/create")[0]["files"] == {"w.gguf": DIGEST}


def test_names_start_at_the_deepest_common_folder(tmp_path: Path) -> None:
    for name in ("m/model-1.safetensors", "m/deep/model-2.safetensors"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    components = gather(parse_modelfile(b"FROM ./m"), tmp_path)
    assert set(components.files) == {"model-1.safetensors", "deep/model-2.safetensors"}
    assert components.base == ""


def test_what_is_no_path_is_a_model(tmp_path: Path) -> None:
    assert gather(parse_modelfile(b"FROM other:7b"), tmp_path).base == "other:7b"
    with pytest.raises(InvalidModelfile, match=r"stat .*/no\.gguf: no such file or directory"):
        gather(parse_modelfile(b"FROM other\nADAPTER ./no.gguf"), tmp_path)


def test_a_draft_is_another_file(folder: Path) -> None:
    with pytest.raises(InvalidModelfile, match=r"DRAFT must not reference the same local path as FROM: w\.gguf"):
        gather(parse_modelfile(b"FROM ./w.gguf\nDRAFT w.gguf"), folder)
