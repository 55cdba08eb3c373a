"""Which adapters are refused, and in which words."""

from collections.abc import Mapping
from typing import Any

import pytest

from tampu.errors import InvalidModelFile
from tampu.gguf.adapter import check_adapter, check_fit
from tampu.gguf.header import Header, TensorInfo
from tampu.gguf.tensor_types import TENSOR_TYPES

Shapes = Mapping[str, tuple[int, ...]]

MODEL: Shapes = {
    "blk.0.attn_q.weight": (64, 32),
    "token_embd.weight": (64, 100),
    "blk.0.ffn_up_exps.weight": (64, 8, 4),
}
FITTING: Shapes = {
    "blk.0.attn_q.weight.lora_a": (64, 4),
    "blk.0.attn_q.weight.lora_b": (4, 32),
    "token_embd.weight.lora_a": (100, 2),
    "token_embd.weight.lora_b": (2, 64),
    "blk.0.ffn_up_exps.weight.lora_a": (64, 2, 4),
    "blk.0.ffn_up_exps.weight.lora_b": (2, 8, 4),
    "blk.0.attn_norm.weight": (64, 1),
}


def header(tensors: Shapes, **metadata: Any) -> Header:
    infos = tuple(TensorInfo(name, shape, TENSOR_TYPES[0], 0, 0) for name, shape in tensors.items())
    return Header(
        version=3,
        byte_order="little",
        metadata={"general.architecture": "llama", **metadata},
        tensors=infos,
        data_offset=0,
        alignment=32,
        file_bytes=0,
    )


def adapter(tensors: Shapes, architecture: str = "llama", kind: str | None = "lora") -> Header:
    said = {"adapter.type": kind} if kind is not None else {}
    return header(tensors, **{"general.architecture": architecture, **said})


def test_one_that_fits_passes() -> None:
    check_adapter(adapter(FITTING))
    check_fit(adapter(FITTING), header(MODEL))


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (adapter(FITTING, kind=None), "adapter.type is missing"),
        (adapter(FITTING, kind="ia3"), 'its kind is "ia3", only "lora" is supported'),
        (adapter({}), "it has no tensors that change a model"),
        (adapter({"a_norm.weight": (4, 4)}), "it has no tensors that change a model"),
        (adapter({"x.lora_a": (4, 4)}), 'of the two tensors for "x" one is missing'),
        (adapter({**FITTING, "stray": (4, 4)}), '"stray" is no tensor of an adapter'),
        (adapter({"x.lora_a": (4,), "x.lora_b": (4, 4)}), 'tensor "x.lora_a" has fewer than two dimensions'),
    ],
)
def test_one_that_is_broken_is_refused_for_any_model(broken: Header, words: str) -> None:
    with pytest.raises(InvalidModelFile, match=words.replace("(", "\\(")):
        check_adapter(broken)
    with pytest.raises(InvalidModelFile, match=words):
        check_fit(broken, header(MODEL))


@pytest.mark.parametrize(
    ("changes", "architecture", "words"),
    [
        ({}, "qwen2", "it is made for qwen2, the model is llama"),
        ({"x.lora_a": (1, 1), "x.lora_b": (1, 1)}, "llama", 'the model has no tensor "x"'),
        ({"blk.0.attn_q.weight.lora_b": (4, 48)}, "llama", "is 64 x 32 in the model, 64 x 48 in the adapter"),
        ({"blk.0.attn_q.weight.lora_b": (8, 32)}, "llama", "do not belong together"),
        ({"token_embd.weight.lora_a": (64, 2)}, "llama", "is 64 x 100 in the model, 64 x 64 in the adapter"),
    ],
)
def test_one_of_another_model_is_refused(changes: Shapes, architecture: str, words: str) -> None:
    made = adapter({**FITTING, **changes}, architecture)
    check_adapter(made)
    with pytest.raises(InvalidModelFile, match=words):
        check_fit(made, header(MODEL))
