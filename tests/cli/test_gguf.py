"""gguf: heads of files, how two differ, and what becomes of a published one; nothing that a terminal would act on."""

import json
import shutil
from pathlib import Path

import gguf
import pytest

from tests.cli.program import run_program
from tests.fakes.stub_server import Answer, stub_server
from tests.gguf.translate.spoiling import Spoiled
from tests.published import published_model


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for name in ("gptoss", "gemma3-vision", "plain-llama"):
        shutil.copy(published_model(name), tmp_path / f"{name}.gguf")
    return tmp_path


def test_a_dump_tells_keys_with_types_and_tensors(home: Path) -> None:
    done = run_program("gguf", "dump", "gptoss.gguf", home=home)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.decode().splitlines()
    assert lines[0] == "gptoss.gguf"
    assert "  general.architecture = 'gptoss' (string)" in lines
    assert "  gptoss.block_count = 4 (u32)" in lines
    assert "  token_embd.weight  64 x 341  F16" in lines
    assert lines[-1] == "  ... and 19 more tensors, which --all prints"
    assert max(map(len, lines)) < 200
    assert len(run_program("gguf", "dump", "--all", "gptoss.gguf", home=home).stdout.splitlines()) == len(lines) + 18


def test_a_dump_for_programs(home: Path) -> None:
    (told,) = json.loads(run_program("gguf", "dump", "--json", "gptoss.gguf", home=home).stdout)
    assert told["keys"]["gptoss.block_count"] == {"type": "u32", "value": 4}
    assert told["keys"]["tokenizer.ggml.tokens"]["count"] == 341
    assert len(told["keys"]["tokenizer.ggml.tokens"]["value"]) == 16
    reader = gguf.GGUFReader(home / "gptoss.gguf")
    assert [each["name"] for each in told["tensors"]] == [tensor.name for tensor in reader.tensors]
    assert told["data_offset"] == reader.data_offset


def test_a_difference(home: Path) -> None:
    done = run_program("gguf", "diff", "gptoss.gguf", "plain-llama.gguf", home=home)
    assert done.returncode == 0
    lines = done.stdout.decode().splitlines()
    assert lines[:2] == ["- gptoss.gguf", "+ plain-llama.gguf"]
    assert "- general.architecture = 'gptoss' (string)" in lines
    assert "+ general.architecture = 'llama' (string)" in lines
    same = run_program("gguf", "diff", "gptoss.gguf", "gptoss.gguf", home=home).stdout.decode()
    assert same.endswith("the heads say the same\n")
    told = json.loads(run_program("gguf", "diff", "--json", "gptoss.gguf", "plain-llama.gguf", home=home).stdout)
    assert [fact["value"] for fact in told["keys"]["general.architecture"]] == ["gptoss", "llama"]
    assert told["tensors"]["blk.0.attn_sinks"][1] is None


def test_a_translation_is_shown_and_nothing_written(home: Path) -> None:
    before = sorted(home.iterdir())
    done = run_program("gguf", "translate", "--check", "gemma3-vision.gguf", home=home)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.decode().splitlines()
    assert any(line.startswith("text: gemma3, ") and line.endswith("tensors left out") for line in lines)
    assert "  v.patch_embedding.weight => v.patch_embd.weight" in lines
    assert sorted(home.iterdir()) == before
    untouched = run_program("gguf", "translate", "--check", "plain-llama.gguf", home=home).stdout.decode()
    assert untouched.endswith("text: loaded as it is\n")


def test_a_refusal_names_the_tensor_and_fails(home: Path) -> None:
    spoiled = Spoiled("gptoss")
    spoiled.table = [row for row in spoiled.table if row[0] != "blk.2.attn_out.weight"]
    spoiled.write(home / "spoiled.gguf")
    done = run_program("gguf", "translate", "--check", "spoiled.gguf", home=home)
    assert done.returncode == 1
    assert 'Error: the tensor "blk.2.attn_out.weight" is missing' in done.stderr.decode()
    told = run_program("gguf", "translate", "--check", "--json", "spoiled.gguf", home=home)
    assert told.returncode == 1
    assert json.loads(told.stdout)[0]["refused"] == 'the tensor "blk.2.attn_out.weight" is missing'


def test_a_stored_model_is_found_by_its_name(home: Path) -> None:
    answer = Answer({"modelfile": f"FROM {home / 'gptoss.gguf'}\n", "details": {}, "capabilities": []})
    with stub_server({("POST", "/api/show"): answer}) as stub:
        done = run_program("gguf", "dump", "mine", home=home, address=stub.address)
        assert done.returncode == 0, done.stderr
        assert done.stdout.decode().splitlines()[0] == str(home / "gptoss.gguf")
    elsewhere = Answer({"modelfile": "FROM /nowhere/blobs/sha256-0\n", "details": {}, "capabilities": []})
    with stub_server({("POST", "/api/show"): elsewhere}) as stub:
        done = run_program("gguf", "dump", "mine", home=home, address=stub.address)
    assert 'Error: the files of "mine" are not on this machine' in done.stderr.decode()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "usage: tampu gguf dump FILE|MODEL | diff"),
        (("paint", "x"), "usage: tampu gguf dump FILE|MODEL | diff"),
        (("dump",), "usage: tampu gguf dump FILE|MODEL"),
        (("diff", "gptoss.gguf"), "usage: tampu gguf diff FILE|MODEL FILE|MODEL"),
        (("translate", "gptoss.gguf"), "usage: tampu gguf translate --check FILE|MODEL"),
        (("dump", "none.gguf"), "none.gguf: no such file"),
        (("dump", "notes.txt"), "supplied file was not in GGUF format"),
    ],
)
def test_mistakes_are_told_on_one_line(home: Path, words: tuple[str, ...], said: str) -> None:
    (home / "notes.txt").write_text("no model at all")
    done = run_program("gguf", *words, home=home)
    assert done.returncode == 1
    assert done.stderr.decode().startswith(f"Error: {said}")
    assert b"Traceback" not in done.stderr


def test_what_a_file_says_does_not_steer_the_terminal(home: Path) -> None:
    spoiled = Spoiled("gptoss")
    spoiled.facts = [(key, value.replace(b"random", b"\x1b[2J\r\n ")) for key, value in spoiled.facts]
    spoiled.table[0] = ("\x1b]0;owned\x07", *spoiled.table[0][1:])
    spoiled.write(home / "odd.gguf")
    for words in (("dump",), ("translate", "--check")):
        assert b"\x1b" not in run_program("gguf", *words, "odd.gguf", home=home).stdout
