"""Which tensor of a model gets which type when the model is made smaller. Pure; the numbers are the engine's work.

The choice is that of llama.cpp's own tool, which Ollama calls: most tensors get the type that is asked for, those that
hurt most when they are coarse get a finer one, and small ones stay as they are.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from tampu.errors import StoreError
from tampu.gguf.header import Header, TensorInfo
from tampu.gguf.metadata import architecture_of, integer
from tampu.gguf.tensor_types import TENSOR_TYPES, GgmlType

FILE_TYPES: Final = {"F32": 0, "F16": 1, "Q8_0": 7, "Q4_K_S": 14, "Q4_K_M": 15, "BF16": 32}
"""What can be asked for, and how a file says it."""
KEPT_PREFIXES: Final = ("v.", "mm.", "a.", "s.", "mtp.")
"""Parts for pictures, sound and looking ahead, which stay as they are."""

_TYPES: Final = {kind.label: kind for kind in TENSOR_TYPES.values()}
_BLOCK: Final = re.compile(r"blk\.(\d+)\.")
_KEPT: Final = (
    "_norm.weight", "ffn_gate_inp.weight", "altup", "laurel", "per_layer_model_proj", "ssm_conv1d",
    "shortconv.conv.weight", ".position_embd", ".patch_embd", ".patch_merger", ".rel_pos", "sam.pos_embd", "sam.neck.",
    "sam.net_", "attn_rel_b.weight",
)  # fmt: skip
_KEPT_NAMES: Final = frozenset({"position_embd.weight", "token_types.weight"})
_COARSER_ROWS: Final = {"Q4_K": "Q5_0", "Q5_K": "Q5_1", "Q6_K": "Q8_0"}
"""For rows that are no multiple of 256."""
_DEEPSEEK_FINE: Final = tuple(f"attn_{part}.weight" for part in ("k_b", "q_a", "q_b", "v_b", "kv_a_mqa"))
_WHOLE_TABLES: Final = frozenset({"token_embd.weight", "output.weight"})
_ATTENTION_VALUES: Final = ("attn_v.weight", "attn_qkv.weight", "attn_kv_b.weight")
_EXPERTS: Final = 8
_MANY_LAYERS: Final = 80


@dataclass(frozen=True, slots=True)
class Change:
    """A tensor and the type that it gets."""

    tensor: TensorInfo
    type: GgmlType

    @property
    def nbytes(self) -> int:
        """Bytes that it takes then."""
        return self.tensor.element_count // self.type.block_size * self.type.block_bytes


def in_order(tensors: Sequence[TensorInfo]) -> list[TensorInfo]:
    """The order of the new file: those outside of blocks, then block by block; by name."""
    return sorted(tensors, key=lambda tensor: (_block(tensor.name), tensor.name.encode()))


def changes(header: Header, target: str) -> list[Change]:
    """What becomes of each tensor, in the order of the new file; raises StoreError where rows are too odd."""
    tensors = in_order(header.tensors)
    choose = {"Q4_K_M": _Mixture(header, tensors, is_small=False), "Q4_K_S": _Mixture(header, tensors, is_small=True)}
    kind: Callable[[TensorInfo], str] = choose[target].type_of if target in choose else lambda _: target
    if has_foreign_parts(header):
        tensors = sorted(tensors, key=lambda tensor: tensor.name.encode())
    return [Change(tensor, tensor.type if _stays(tensor) else _fitting(tensor, kind(tensor))) for tensor in tensors]


def has_foreign_parts(header: Header) -> bool:
    """Whether the file holds more than a model of text; then its facts and tensors are written in order of names."""
    return any(tensor.name.startswith(KEPT_PREFIXES) for tensor in header.tensors)


def _stays(tensor: TensorInfo) -> bool:
    name = tensor.name
    dimensions = max((index + 1 for index, size in enumerate(tensor.shape) if size > 1), default=1)
    return (
        dimensions < 2
        or not name.endswith("weight")
        or name in _KEPT_NAMES
        or name.startswith(KEPT_PREFIXES)
        or any(part in name for part in _KEPT)
    )


def _fitting(tensor: TensorInfo, label: str) -> GgmlType:
    """The type, or what stands in for it where a row is no whole number of its blocks."""
    row = tensor.shape[0]
    if label in _COARSER_ROWS and row % 256:
        is_output = label == "Q6_K"
        label = _COARSER_ROWS[label]
        if row % 32 and not is_output:
            label = "F16"
    if row % _TYPES[label].block_size:
        raise StoreError(f'llama-quantize failed: rows of tensor "{tensor.name}" have {row} numbers, no multiple of 32')
    return _TYPES[label]


class _Mixture:
    """Q4_K with finer types for some tensors; the layers at both ends count more than those in the middle."""

    def __init__(self, header: Header, tensors: Sequence[TensorInfo], *, is_small: bool) -> None:
        self._is_small = is_small
        self._architecture = architecture_of(header)
        self._layers = integer(header, "block_count")
        self._has_experts = integer(header, "expert_count") > 0
        self._has_eight = integer(header, "expert_count") == _EXPERTS
        heads, kv_heads = integer(header, "attention.head_count"), integer(header, "attention.head_count_kv")
        is_grouped = bool(kv_heads) and kv_heads < heads
        self._is_large_llama = self._architecture == "llama" and self._layers == _MANY_LAYERS and is_grouped
        self._has_output = any(tensor.name == "output.weight" for tensor in tensors)
        names = [tensor.name for tensor in tensors if not _stays(tensor)]
        self._values = [name for name in names if any(part in name for part in _ATTENTION_VALUES)]
        self._downs = [name for name in names if "ffn_down" in name]

    def type_of(self, tensor: TensorInfo) -> str:
        """The type before rows are looked at."""
        name = tensor.name
        return self._of_architecture(name) or self._of_table(name) or self._of_attention(name) or self._of_rest(name)

    def _of_table(self, name: str) -> str:
        if name == "output.weight":
            return "Q6_K"
        if name in {"token_embd.weight", "per_layer_token_embd.weight"}:
            return "Q4_K" if self._has_output else "Q6_K"
        return ""

    def _of_attention(self, name: str) -> str:
        if name in self._values:
            return self._of_values(self._values.index(name))
        if self._has_eight and "attn_k.weight" in name:
            return "Q8_0"
        return "Q5_K" if self._has_eight and "attn_output.weight" in name else ""

    def _of_rest(self, name: str) -> str:
        if "ffn_down" not in name:
            return "Q4_K"
        return self._of_down(_block(name) if self._has_experts else self._downs.index(name))

    def _of_architecture(self, name: str) -> str:
        match self._architecture:
            case "deepseek2" if name.endswith(_DEEPSEEK_FINE):
                return "Q8_0"
            case "qwen35" | "qwen35moe" if name.endswith("nextn.eh_proj.weight"):
                return "Q8_0"
            case "gemma3n" if name == "per_layer_token_embd.weight":
                return "F16"
            case "glm4" | "glmocr" if name in _WHOLE_TABLES:
                return "F16"
            case _:
                return ""

    def _of_values(self, index: int) -> str:
        if self._has_eight:
            return "Q8_0"
        count = len(self._values)
        if self._is_small:
            chosen = "Q5_K" if index < 4 else "Q4_K"
        else:
            chosen = "Q6_K" if _counts_more(index, count) else "Q4_K"
        return "Q5_K" if self._is_large_llama and chosen == "Q4_K" else chosen

    def _of_down(self, index: int) -> str:
        if self._is_small:
            return "Q5_K" if index < self._layers // 8 else "Q4_K"
        return "Q6_K" if _counts_more(index, self._layers) else "Q4_K"


def _counts_more(index: int, count: int) -> bool:
    eighth = count // 8
    return index < eighth or index >= 7 * count // 8 or (index - eighth) % 3 == 2


def _block(name: str) -> int:
    found = _BLOCK.match(name)
    return int(found[1]) if found else -1
