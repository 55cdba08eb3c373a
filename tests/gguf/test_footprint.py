import pytest

from tampu.gguf.footprint import Footprint, footprint
from tampu.gguf.reader import read_header
from tests.fakes.gguf_files import GgufFile, Tensor


@pytest.fixture
def footprint_of(tmp_path):
    def footprint_of(architecture="llama", **values):
        keys = {name.replace("__", "."): value for name, value in values.items()}
        metadata = [("general.architecture", architecture)]
        metadata += [(f"{architecture}.{key}", value) for key, value in keys.items()]
        tensors = [Tensor(f"blk.{layer}.w", (32,)) for layer in range(12)]
        return footprint(read_header(GgufFile(metadata=metadata, tensors=tensors).write(tmp_path / "m.gguf")))

    return footprint_of


def test_grouped_attention(footprint_of):
    found = footprint_of(block_count=4, embedding_length=64, attention__head_count=8, attention__head_count_kv=2)
    assert found.weights_bytes == 12 * 128
    assert found.kv_bytes_per_token == 4 * 2 * (8 + 8) * 2
    assert (found.block_count, found.embedding_length) == (4, 64)
    assert found.sequence_bytes(100) == found.kv_bytes_per_token * 100


def test_without_key_and_value_heads_all_heads_count(footprint_of):
    found = footprint_of(block_count=4, embedding_length=64, attention__head_count=8)
    assert found.kv_bytes_per_token == 4 * 8 * 16 * 2


def test_lengths_of_keys_and_values_may_differ(footprint_of):
    found = footprint_of(
        block_count=1,
        embedding_length=64,
        attention__head_count=2,
        attention__head_count_kv=1,
        attention__key_length=192,
        attention__value_length=128,
    )
    assert found.kv_bytes_per_token == (192 + 128) * 2


def test_one_number_of_heads_per_layer(footprint_of):
    found = footprint_of(
        block_count=4, embedding_length=64, attention__head_count=4, attention__head_count_kv=[0, 0, 2, 0]
    )
    assert found.kv_bytes_per_token == 2 * 32 * 2


def test_recurrent_layers_keep_a_state_instead(footprint_of):
    found = footprint_of(
        "qwen35",
        block_count=8,
        embedding_length=64,
        full_attention_interval=4,
        attention__head_count=4,
        attention__head_count_kv=1,
        ssm__inner_size=64,
        ssm__state_size=16,
        ssm__group_count=2,
        ssm__conv_kernel=4,
    )
    assert found.kv_bytes_per_token == 2 * 32 * 2
    assert found.state_bytes_per_sequence == 8 * (64 * 16 + 3 * (64 + 2 * 2 * 16)) * 4
    assert found.sequence_bytes(10) == 10 * found.kv_bytes_per_token + found.state_bytes_per_sequence


@pytest.mark.parametrize(
    ("architecture", "pattern", "windowed_layers"),
    [
        ("gemma3", None, 10),
        ("gpt-oss", None, 6),
        ("mistral", None, 0),
        ("x", 4, 9),
        ("x", [True] * 3 + [False] * 9, 3),
    ],
)
def test_windows_bound_a_part_of_the_cache(footprint_of, architecture, pattern, windowed_layers):
    given = {} if pattern is None else {"attention__sliding_window_pattern": pattern}
    found = footprint_of(
        architecture,
        block_count=12,
        embedding_length=64,
        attention__head_count=4,
        attention__head_count_kv=1,
        attention__sliding_window=16,
        **given,
    )
    assert found.kv_bytes_per_token == 12 * 64
    assert found.windowed_kv_bytes_per_token == windowed_layers * 64
    assert found.sequence_bytes(16) == 16 * 12 * 64
    assert found.sequence_bytes(1016) == 1016 * 12 * 64 - 1000 * windowed_layers * 64


def test_nonsense_costs_nothing(footprint_of):
    assert footprint_of(block_count=2**31, attention__head_count=2**31).block_count == 12
    assert footprint_of(block_count=-1).kv_bytes_per_token == 0
    assert footprint_of(attention__head_count=0) == Footprint(weights_bytes=12 * 128)


def test_a_draft_model_takes_as_much_again(footprint_of):
    numbers = {"block_count": 4, "embedding_length": 64, "attention__head_count": 8, "attention__head_count_kv": 2}
    one = footprint_of(**numbers)
    both = one.with_draft(one)
    assert both.weights_bytes == 2 * one.weights_bytes
    assert both.sequence_bytes(100) == 2 * one.sequence_bytes(100)
    windowed = footprint_of("gemma3", **numbers, attention__sliding_window=16)
    assert windowed.with_draft(windowed).sequence_bytes(100) == 2 * windowed.sequence_bytes(100)
    assert windowed.with_draft(one).sequence_bytes(100) == windowed.sequence_bytes(100) + one.sequence_bytes(100)
    assert one.with_draft(windowed).sequence_bytes(100) >= windowed.sequence_bytes(100) + one.sequence_bytes(100)
