"""Published layouts of which nothing is recorded, made of recorded ones, so that most must answer as those do.

Experts that all are the dense layer that they stand for compute the same as it, and so do parts of attention joined.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np

from tampu.gguf.reader import read_header
from tampu.gguf.rewrite import WrittenTensor, padding, read_facts, text_fact, uint32_fact, write_head
from tampu.gguf.translate.facts import I32, array, f32
from tests.models import models_folder
from tests.published import published_model

Numbers = np.ndarray[Any, np.dtype[np.float32]]
_F32: Final = 0
_F16: Final = 1
_EXPERTS: Final = 4


class Made:
    """A file in pieces: facts as they are written, and tensors with their shape (fastest first), type and bytes."""

    def __init__(self, name: str) -> None:
        path = published_model(name)
        content, header = path.read_bytes(), read_header(path)
        self.facts = {key.decode(): fact for key, fact in read_facts(content[: header.data_offset]).items()}
        self.tensors: dict[str, tuple[tuple[int, ...], int, bytes]] = {}
        for tensor in header.tensors:
            start = header.data_offset + tensor.offset
            self.tensors[tensor.name] = (tensor.shape, tensor.type.number, content[start : start + tensor.nbytes])
        self._chance = np.random.default_rng(7)

    @property
    def architecture(self) -> str:
        return self.facts["general.architecture"][12:].decode()

    def become(self, architecture: str) -> None:
        old = f"{self.architecture}."
        self.facts = {
            key.replace(old, f"{architecture}.", 1) if key.startswith(old) else key: fact
            for key, fact in self.facts.items()
        }
        self.facts["general.architecture"] = text_fact(architecture)

    def say(self, **numbers: int) -> None:
        for key, number in numbers.items():
            self.facts[f"{self.architecture}.{key}"] = uint32_fact(number)

    def add(self, name: str, *shape: int) -> None:
        """A tensor of small random numbers, or of ones for a norm, so that nothing overflows."""
        numbers: Numbers = (0.1 * self._chance.standard_normal(shape[::-1])).astype(np.float32)
        self.tensors[name] = (shape, _F32, (numbers + 1 if "norm" in name else numbers).tobytes())

    def repeat(self, old: str, new: str, times: int) -> None:
        """As many copies of a tensor as one of a dimension more; the old one is no more."""
        shape, kind, data = self.tensors.pop(old)
        self.tensors[new] = ((*shape, times), kind, data * times)

    def join(self, parts: Sequence[str], name: str) -> None:
        """The rows of tensors one after another; they are no more of their own."""
        found = [self.tensors.pop(part) for part in parts]
        shapes, kinds = [shape for shape, _, _ in found], {kind for _, kind, _ in found}
        assert len(kinds) == 1
        shape = (*shapes[0][:-1], sum(shape[-1] for shape in shapes))
        self.tensors[name] = (shape, kinds.pop(), b"".join(data for _, _, data in found))

    def drop(self, names: Iterable[str]) -> None:
        for name in names:
            del self.tensors[name]

    def write(self, path: Path) -> Path:
        rows = [WrittenTensor(name, shape, kind, len(data)) for name, (shape, kind, data) in self.tensors.items()]
        head = write_head({key.encode(): fact for key, fact in self.facts.items()}, rows, 32)
        path.write_bytes(head + b"".join(data + bytes(padding(len(data), 32)) for _, _, data in self.tensors.values()))
        return path


def _with_experts(made: Made, blocks: int, width: int, narrow: int) -> None:
    made.say(expert_count=_EXPERTS, expert_used_count=2, expert_feed_forward_length=narrow)
    for block in range(blocks):
        made.add(f"blk.{block}.ffn_gate_inp.weight", width, _EXPERTS)
        for part in ("gate", "up", "down"):
            made.repeat(f"blk.{block}.ffn_{part}.weight", f"blk.{block}.ffn_{part}_exps.weight", _EXPERTS)


def _qwen35moe() -> Made:
    made = Made("qwen35")
    made.become("qwen35moe")
    _with_experts(made, 4, 64, 96)
    made.say(expert_shared_feed_forward_length=32)
    for block in range(4):
        # A table of one row, which is published in halves.
        made.tensors[f"blk.{block}.ffn_gate_inp_shexp.weight"] = ((64, 1), _F16, np.full(64, 0.1, np.float16).tobytes())
        made.add(f"blk.{block}.ffn_gate_shexp.weight", 64, 32)
        made.add(f"blk.{block}.ffn_up_shexp.weight", 64, 32)
        made.tensors[f"blk.{block}.ffn_down_shexp.weight"] = ((32, 64), _F32, bytes(4 * 32 * 64))  # adds nothing
    return made


def _qwen3vlmoe() -> Made:
    made = Made("qwen3vl")
    made.become("qwen3vlmoe")
    _with_experts(made, 3, 64, 96)
    return made


def _nemotron_h_omni_dense() -> Made:
    made = Made("nemotron_h_omni")
    for key in [key for key in made.facts if ".expert_" in key]:
        del made.facts[key]
    made.drop([name for name in made.tensors if "exps" in name or "shexp" in name or "exp_probs" in name])
    made.facts["nemotron_h_omni.feed_forward_length"] = array(I32, [0, 48, 0, 48])
    for block in (1, 3):
        made.drop([f"blk.{block}.ffn_gate_inp.weight"])
        made.add(f"blk.{block}.ffn_up.weight", 64, 48)
        made.add(f"blk.{block}.ffn_down.weight", 48, 64)
    return made


def _gemma4_sound() -> Made:
    made = Made("gemma4")
    sizes = {"block_count": 2, "embedding_length": 32, "feed_forward_length": 64, "attention.head_count": 2}
    made.say(**{f"audio.{key}": number for key, number in sizes.items()})
    made.facts["gemma4.audio.attention.layer_norm_epsilon"] = f32(1e-6)
    made.add("a.conv1d.0.weight", 3, 3, 1, 4)
    made.add("a.conv1d.0.norm.weight", 4)
    made.add("a.conv1d.1.weight", 3, 3, 4, 4)
    made.add("a.conv1d.1.norm.weight", 4)
    made.add("a.pre_encode.out.weight", 4 * 32, 32)  # 128 tones, halved twice
    made.add("mm.a.fc.weight", 32, 32)
    made.add("mm.a.fc.bias", 32)
    made.add("mm.a.input_projection.weight", 32, 48)
    shapes: dict[str, tuple[int, ...]] = {
        **dict.fromkeys(("ln1", "ln2", "layer_pre_norm", "ffn_norm", "ffn_post_norm", "ffn_norm_1"), (32,)),
        **dict.fromkeys(("ffn_post_norm_1", "conv_norm", "norm_conv"), (32,)),
        **dict.fromkeys(("attn_q", "attn_k", "attn_v", "attn_out", "linear_pos", "conv_pw2"), (32, 32)),
        **dict.fromkeys(("ffn_up", "ffn_up_1", "conv_pw1"), (32, 64)),
        **dict.fromkeys(("ffn_down", "ffn_down_1"), (64, 32)),
        "per_dim_scale": (16,),
        "conv_dw": (5, 32),
    }
    for block in range(2):
        for name, shape in shapes.items():
            made.add(f"a.blk.{block}.{name}.weight", *shape)
    return made


def _gptoss_joined() -> Made:
    """What asks, what is asked for and what answers, as one."""
    made = Made("gptoss")
    for block in range(4):
        for ending in ("weight", "bias"):
            made.join([f"blk.{block}.attn_{part}.{ending}" for part in "qkv"], f"blk.{block}.attn_qkv.{ending}")
    return made


VARIANTS: Final[Mapping[str, Callable[[], Made]]] = {
    "gemma4-sound": _gemma4_sound,
    "gptoss-joined": _gptoss_joined,
    "nemotron_h_omni-dense": _nemotron_h_omni_dense,
    "qwen35moe": _qwen35moe,
    "qwen3vlmoe": _qwen3vlmoe,
}


ANSWERS_AS: Final = {
    "gemma4-sound": "gemma4",
    "gptoss-joined": "gptoss",
    "qwen35moe": "qwen35",
    "qwen3vlmoe": "qwen3vl",
}
"""Recorded models whose answers a variant gives."""


@cache
def variant(name: str) -> Path:
    """The file of a variant; it lives as long as the run."""
    return VARIANTS[name]().write(models_folder() / f"variant-{name}.gguf")
