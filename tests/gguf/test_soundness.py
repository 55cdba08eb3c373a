import math

import pytest

from tampu.errors import InvalidModelFile
from tampu.gguf.reader import read_header
from tampu.gguf.soundness import VALIDATION_FAILED, check_sound, problems
from tests.fakes.gguf_files import GgufFile, Tensor, Typed, small_model
from tests.recordings import GOLDEN, recorded_bytes, recording

MALFORMED = {case["name"]: case for case in recording("gguf/malformed.json")}
MODELS = sorted(path.name.removesuffix(".gz") for path in (GOLDEN / "models").glob("*.gguf.gz"))
ARCHITECTURE = ("general.architecture", "x")


@pytest.mark.recorded("gguf/malformed")
@pytest.mark.parametrize("name", MALFORMED)
def test_only_the_control_passes_reader_and_checks(name, tmp_path):
    path = tmp_path / "m.gguf"
    path.write_bytes(recorded_bytes("gguf/" + MALFORMED[name]["file"]))
    errors = [event["error"] for event in MALFORMED[name]["create"]["events"] if "error" in event]
    if not errors:
        check_sound(read_header(path))
        return
    with pytest.raises(InvalidModelFile) as refused:
        check_sound(read_header(path))
    expected = errors[0].partition("compatibility patches: ")
    assert refused.value.message.startswith(expected[0] + expected[1])


@pytest.mark.parametrize("name", MODELS)
def test_sound_models_have_no_problems(name, tmp_path):
    path = tmp_path / "m.gguf"
    path.write_bytes(recorded_bytes(f"models/{name}"))
    assert list(problems(read_header(path))) == []


@pytest.mark.parametrize(
    ("file", "problem"),
    [
        (GgufFile(metadata=[ARCHITECTURE], version=4), "version 4 is unknown"),
        (GgufFile(metadata=[ARCHITECTURE], version=0), "version 0 is unknown"),
        (GgufFile(magic=b"FUGG", order=">", metadata=[ARCHITECTURE]), "big-endian"),
        (GgufFile(metadata=[("general.architecture", 5)]), "must be a text"),
        (GgufFile(metadata=[("general.architecture", "")]), "must be a text"),
        (GgufFile(metadata=[ARCHITECTURE, ("general.alignment", "32")]), "power of two, not 32"),
        (GgufFile(metadata=[ARCHITECTURE, ("general.alignment", 48)], alignment=48), "power of two, not 48"),
        (GgufFile(metadata=[ARCHITECTURE], tensors=[Tensor("t", ())]), 'tensor "t" has no dimensions'),
        (GgufFile(metadata=[ARCHITECTURE], tensors=[Tensor("t", (4, 0), nbytes=16)]), "dimension of 0"),
        (GgufFile(metadata=[ARCHITECTURE], tensors=[Tensor("t", (8,)), Tensor("u", (8,), offset=0)]), "overlaps"),
        (GgufFile(metadata=[ARCHITECTURE], tensors=[Tensor("t", (8,)), Tensor("u", (8,), offset=33)]), "no multiple"),
        (GgufFile(metadata=[ARCHITECTURE, ("x.a", 1), ("x.a", 1)]), 'key "x.a" occurs more than once'),
    ],
)
def test_what_no_engine_would_load_is_named(file, problem, tmp_path):
    with pytest.raises(InvalidModelFile) as refused:
        check_sound(read_header(file.write(tmp_path / "m.gguf")))
    assert refused.value.message.startswith(VALIDATION_FAILED)
    assert problem in refused.value.message


@pytest.mark.parametrize(
    ("facts", "problem"),
    [
        ({"llama.block_count": 0}, "llama.block_count must be from 1 to 512, not 0"),
        ({"llama.block_count": 513}, "llama.block_count must be from 1 to 512, not 513"),
        ({"llama.context_length": 0}, "llama.context_length must be from 1 to 2147483647, not 0"),
        ({"llama.context_length": Typed("uint32", 2**31)}, "llama.context_length must be from 1 to 2147483647, not"),
        ({"llama.embedding_length": 0}, "llama.embedding_length must be from 1 to 2147483647, not 0"),
        ({"llama.expert_count": 513, "llama.expert_used_count": 1}, "llama.expert_count must be from 0 to 512"),
        ({"llama.expert_count": 4}, "expert_used_count must be from 1 to 4, the number of experts, not 0"),
        ({"llama.expert_count": 4, "llama.expert_used_count": 5}, "expert_used_count must be from 1 to 4, the number"),
        ({"llama.attention.layer_norm_rms_epsilon": -1.0}, "layer_norm_rms_epsilon must be zero or more, not -1"),
        (
            {"bert.attention.layer_norm_epsilon": math.nan, "general.architecture": "bert"},
            "must be zero or more, not nan",
        ),
    ],
)
def test_numbers_that_engines_die_of_are_named(facts, problem, tmp_path):
    found = list(problems(read_header(small_model(facts).write(tmp_path / "m.gguf"))))
    assert len(found) == 1
    assert problem in found[0]


def test_numbers_that_are_missing_or_texts_are_left_to_engines(tmp_path):
    file = small_model({"llama.block_count": "2", "llama.context_length": None, "llama.expert_count": 0})
    assert list(problems(read_header(file.write(tmp_path / "m.gguf")))) == []


def test_another_alignment_is_sound(tmp_path):
    file = GgufFile(
        metadata=[ARCHITECTURE, ("general.alignment", Typed("uint32", 64))],
        tensors=[Tensor("t", (8,)), Tensor("u", (8,))],
        alignment=64,
    )
    header = read_header(file.write(tmp_path / "m.gguf"))
    assert header.alignment == 64
    assert list(problems(header)) == []


def test_small_models_of_the_tests_are_sound(tmp_path):
    assert list(problems(read_header(small_model().write(tmp_path / "m.gguf")))) == []
