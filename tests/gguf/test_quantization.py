"""Which type each tensor gets. Whole files are compared with the recorded ones in tests/operations/test_quantize.py."""

from collections.abc import Mapping
from typing import Any

import pytest

from tampu.errors import StoreError
from tampu.gguf.header import Header, TensorInfo
from tampu.gguf.quantization import changes
from tampu.gguf.tensor_types import TENSOR_TYPES

F16 = TENSOR_TYPES[1]


def header(shapes: Mapping[str, tuple[int, ...]], architecture: str = "llama", **facts: Any) -> Header:
    tensors = tuple(TensorInfo(name, shape, F16, 0, 0) for name, shape in shapes.items())
    own = {f"{architecture}.{key}": value for key, value in facts.items()}
    return Header(
        version=3,
        byte_order="little",
        metadata={"general.architecture": architecture, **own},
        tensors=tensors,
        data_offset=0,
        alignment=32,
        file_bytes=0,
    )


def types(made: Header, target: str) -> dict[str, str]:
    return {change.tensor.name: change.type.label for change in changes(made, target)}


def layers(name: str, count: int, shape: tuple[int, ...] = (256, 256)) -> dict[str, tuple[int, ...]]:
    return {f"blk.{index}.{name}.weight": shape for index in range(count)}


def test_the_order_is_by_block_and_by_name() -> None:
    made = header({"blk.10.a.weight": (256,), "blk.9.b.weight": (256,), "z.weight": (256,), "blk.9.a.weight": (256,)})
    expected = ["z.weight", "blk.9.a.weight", "blk.9.b.weight", "blk.10.a.weight"]
    assert [change.tensor.name for change in changes(made, "Q8_0")] == expected


def test_a_file_with_parts_for_pictures_is_in_order_of_names() -> None:
    shape = (256,)
    made = header(
        {"v.patch.weight": shape, "token_embd.weight": shape, "blk.10.a.weight": shape, "blk.9.a.weight": shape}
    )
    expected = ["blk.10.a.weight", "blk.9.a.weight", "token_embd.weight", "v.patch.weight"]
    assert [change.tensor.name for change in changes(made, "Q8_0")] == expected


@pytest.mark.parametrize(
    "name",
    ["blk.0.attn_norm.weight", "blk.0.ffn_gate_inp.weight", "position_embd.weight", "v.blk.0.attn_q.weight", "x.bias"],
)
def test_small_and_foreign_tensors_stay(name: str) -> None:
    for target in ("F32", "Q8_0", "Q4_K_M"):
        assert types(header({name: (256, 256)}), target) == {name: "F16"}


def test_a_single_row_stays() -> None:
    assert types(header({"rope.weight": (256, 1, 1)}), "Q8_0") == {"rope.weight": "F16"}


@pytest.mark.parametrize("target", ["F32", "BF16", "Q8_0"])
def test_plain_targets_take_all_the_others(target: str) -> None:
    made = header(
        {"output.weight": (256, 8), "blk.0.ffn_up.weight": (256, 8), "blk.0.ffn_down_exps.weight": (32, 8, 4)}
    )
    assert set(types(made, target).values()) == {target}


def test_values_and_ends_are_finer_in_the_mixture() -> None:
    made = header({**layers("attn_v", 16), **layers("ffn_down", 16), **layers("attn_q", 16)}, block_count=16)
    medium, small = types(made, "Q4_K_M"), types(made, "Q4_K_S")
    finer = [0, 1, 4, 7, 10, 13, 14, 15]
    for part in ("attn_v", "ffn_down"):
        assert [index for index in range(16) if medium[f"blk.{index}.{part}.weight"] == "Q6_K"] == finer
    assert [index for index in range(16) if small[f"blk.{index}.attn_v.weight"] == "Q5_K"] == [0, 1, 2, 3]
    assert [index for index in range(16) if small[f"blk.{index}.ffn_down.weight"] == "Q5_K"] == [0, 1]
    assert {medium[name] for name in layers("attn_q", 16)} == {"Q4_K"}


def test_the_table_of_tokens_is_finer_where_it_is_the_output_too() -> None:
    table = {"token_embd.weight": (256, 100)}
    assert types(header(table), "Q4_K_M") == {"token_embd.weight": "Q6_K"}
    both = header({**table, "output.weight": (256, 100)})
    assert types(both, "Q4_K_M") == {"output.weight": "Q6_K", "token_embd.weight": "Q4_K"}


def test_eight_experts_have_finer_attention() -> None:
    made = header({**layers("attn_k", 1), **layers("attn_v", 1), **layers("attn_output", 1)}, expert_count=8)
    assert types(made, "Q4_K_M") == {
        "blk.0.attn_k.weight": "Q8_0",
        "blk.0.attn_output.weight": "Q5_K",
        "blk.0.attn_v.weight": "Q8_0",
    }


@pytest.mark.parametrize(
    ("architecture", "name", "expected"),
    [
        ("deepseek2", "blk.0.attn_kv_a_mqa.weight", "Q8_0"),
        ("qwen35", "blk.0.nextn.eh_proj.weight", "Q8_0"),
        ("gemma3n", "per_layer_token_embd.weight", "F16"),
        ("glm4", "token_embd.weight", "F16"),
    ],
)
def test_some_architectures_need_more(architecture: str, name: str, expected: str) -> None:
    assert types(header({name: (256, 256), "output.weight": (256, 8)}, architecture), "Q4_K_M")[name] == expected


def test_odd_rows_get_a_type_that_holds_them() -> None:
    made = header(
        {
            "output.weight": (288, 8),
            **layers("ffn_down", 1, (288, 8)),
            **layers("ffn_up", 1, (288, 8)),
            **layers("ffn_gate", 1, (80, 8)),
        },
        block_count=8,
    )
    assert types(made, "Q4_K_M") == {
        "output.weight": "Q8_0",
        "blk.0.ffn_down.weight": "Q8_0",
        "blk.0.ffn_gate.weight": "F16",
        "blk.0.ffn_up.weight": "Q5_0",
    }


@pytest.mark.parametrize("target", ["Q8_0", "Q4_K_M"])
def test_rows_that_nothing_holds_are_refused(target: str) -> None:
    with pytest.raises(StoreError, match=r'rows of tensor "output\.weight" have 80 numbers'):
        changes(header({"output.weight": (80, 8)}), target)
