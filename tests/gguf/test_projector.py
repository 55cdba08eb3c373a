"""Early projectors get the type that they lack; the result is what Ollama was recorded to store."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from gguf import GGUFReader, GGUFWriter

from tampu.errors import InvalidModelFile
from tampu.gguf.projector import completed, lacks_type
from tampu.gguf.reader import read_header
from tests.recordings import recorded_bytes

RECORDED = "b865b39754725342fe515909603ea200943b85e8ee8bbd0c8503cbe23f633450"


def projector(path: Path, **facts: str) -> Path:
    """A file with the look of a projector: encoders, keys and tensors out of order, an array of each kind."""
    writer = GGUFWriter(path, "clip")
    for key, value in facts.items():
        writer.add_string(f"clip.{key}", value)
    writer.add_bool("clip.has_vision_encoder", True)
    writer.add_array("clip.vision.image_mean", [0.5, 0.25, 0.125])
    writer.add_array("clip.words", ["a", "", "ü"])
    writer.add_tensor("v.patch_embd.weight", np.arange(7, dtype=np.float32))
    writer.add_tensor("mm.0.weight", np.arange(12, dtype=np.float16).reshape(3, 4))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_the_result_is_the_recorded_one(tmp_path: Path) -> None:
    path = tmp_path / "untyped.gguf"
    path.write_bytes(recorded_bytes("store/models/a-mmproj-untyped.gguf"))
    header = read_header(path)
    assert lacks_type(header)
    assert hashlib.sha256(b"".join(completed(path, header))).hexdigest() == RECORDED


def test_every_fact_and_number_survives(tmp_path: Path) -> None:
    path = projector(tmp_path / "early.gguf")
    (made := tmp_path / "made.gguf").write_bytes(b"".join(completed(path, read_header(path))))
    before, after = GGUFReader(path), GGUFReader(made)
    added = {"clip.projector_type": "mlp", "general.parameter_count": 19}
    assert {key: field.contents() for key, field in after.fields.items() if key[:5] != "GGUF."} == {
        **{key: field.contents() for key, field in before.fields.items() if key[:5] != "GGUF."},
        **added,
    }
    assert [tensor.name for tensor in after.tensors] == ["mm.0.weight", "v.patch_embd.weight"]
    numbers = {tensor.name: tensor.data.tolist() for tensor in before.tensors}
    assert {tensor.name: tensor.data.tolist() for tensor in after.tensors} == numbers
    assert not lacks_type(read_header(made))


@pytest.mark.parametrize("key", ["projector_type", "vision.projector_type", "audio.projector_type"])
def test_one_that_says_its_type_is_left_alone(tmp_path: Path, key: str) -> None:
    assert not lacks_type(read_header(projector(tmp_path / "typed.gguf", **{key: "gemma3"})))


@pytest.mark.parametrize("kept", [30, 200, -30])
def test_a_file_that_shrinks_meanwhile_is_an_error(tmp_path: Path, kept: int) -> None:
    path = projector(tmp_path / "early.gguf")
    header = read_header(path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(InvalidModelFile):
        b"".join(completed(path, header))
