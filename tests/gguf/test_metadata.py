import pytest

from tampu.gguf.metadata import FileKind, facts_of, parameter_label
from tampu.gguf.reader import read_header
from tests.fakes.gguf_files import GgufFile, small_model


@pytest.fixture
def facts(tmp_path):
    def facts(metadata=None, **more):
        return facts_of(read_header(small_model(metadata, **more).write(tmp_path / "m.gguf")))

    return facts


@pytest.mark.parametrize(
    ("count", "label"),
    [
        (0, "0"),
        (288, "288"),
        (999, "999"),
        (1000, "1K"),
        (90_880, "91K"),
        (999_999, "1000K"),
        (1_000_000, "1M"),
        (134_515_008, "134.52M"),
        (8_000_000_000, "8B"),
        (8_030_261_248, "8.0B"),
        (70_553_706_496, "70.6B"),
    ],
)
def test_parameter_labels(count, label):
    assert parameter_label(count) == label


def test_facts_of_a_model(facts):
    found = facts({"tokenizer.chat_template": "{{ x }}", "tokenizer.ggml.add_bos_token": False})
    assert found.architecture == "llama"
    assert found.kind is FileKind.MODEL
    assert (found.parameter_count, found.parameter_label) == (1120, "1K")
    assert found.quantization_label == "F16"
    assert (found.context_length, found.embedding_length, found.block_count) == (128, 32, 1)
    assert found.vocabulary_size == 3
    assert found.chat_template == "{{ x }}"
    assert found.adds_bos is False
    assert (found.is_embedding, found.has_vision, found.has_audio) == (False, False, False)


@pytest.mark.parametrize(("number", "label"), [(0, "unknown"), (15, "Q4_K_M"), (30, "IQ4_XS"), (1025, "unknown")])
def test_quantization_labels(facts, number, label):
    assert facts({"general.file_type": number}).quantization_label == label


def test_a_model_without_label(facts):
    assert facts({"general.file_type": None}).quantization_label == "unknown"


@pytest.mark.parametrize(
    ("metadata", "kind"),
    [
        ({"general.type": "adapter"}, FileKind.ADAPTER),
        ({"general.type": "mmproj"}, FileKind.PROJECTOR),
        ({"general.type": "projector"}, FileKind.PROJECTOR),
        ({"general.type": "model"}, FileKind.MODEL),
        ({"llama.block_count": 0, "llama.vision.block_count": 2}, FileKind.PROJECTOR),
        ({"llama.vision.block_count": 2}, FileKind.MODEL),
        ({"general.architecture": "clip", "clip.has_vision_encoder": True}, FileKind.PROJECTOR),
        ({"general.architecture": "clip", "clip.has_audio_encoder": True}, FileKind.PROJECTOR),
        ({"general.architecture": "clip"}, FileKind.MODEL),
        ({"general.architecture": "clip", "clip.block_count": 3, "clip.has_vision_encoder": True}, FileKind.MODEL),
    ],
)
def test_kinds_of_files(facts, metadata, kind):
    assert facts(metadata).kind is kind


def test_what_a_model_takes_in(facts):
    assert facts({"llama.pooling_type": 1}).is_embedding
    assert facts({"llama.vision.block_count": 2}).has_vision
    assert facts({"llama.audio.block_count": 2}).has_audio
    assert facts({"clip.has_audio_encoder": True, "clip.projector_type": "gemma3nv"}).projector_type == "gemma3nv"


def test_keys_of_wrong_types_count_as_missing(facts):
    found = facts(
        {
            "general.architecture": 7,
            "general.file_type": "Q4",
            "unknown.block_count": "many",
            "tokenizer.chat_template": 3,
            "tokenizer.ggml.tokens": "a b",
        }
    )
    assert found.architecture == "unknown"
    assert found.quantization_label == "unknown"
    assert (found.block_count, found.vocabulary_size, found.chat_template) == (0, 0, "")


def test_an_empty_file_has_facts(tmp_path):
    found = facts_of(read_header(GgufFile().write(tmp_path / "m.gguf")))
    assert (found.architecture, found.parameter_count, found.parameter_label) == ("unknown", 0, "0")
