"""Whether a translated file has the keys without which the engine does not take it, in numbers that fit. Pure.

Only what is certain stands here: each key was left out of a model, and the engine refused it, or died of it. What is
left out of these lists the engine tells itself, once it has been started.
"""

from typing import Final

from tampu.errors import InvalidModelFile
from tampu.gguf.translate.lengths import OWN_EXPERTS
from tampu.gguf.translate.shapes import Shapes
from tampu.gguf.translate.translation import Translation

Keys = tuple[str, ...]
_HEADS, _KEPT_HEADS, _WIDTH = "attention.head_count", "attention.head_count_kv", "feed_forward_length"
_EXPERTS_WIDTH: Final = "expert_feed_forward_length"
_WINDOW: Final = "attention.sliding_window"
_RECURRENT: Final = tuple(
    f"ssm.{name}" for name in ("conv_kernel", "inner_size", "state_size", "time_step_rank", "group_count")
)
_SECTIONS: Final = "rope.dimension_sections"
_NEMOTRON: Final = (*_RECURRENT, _KEPT_HEADS, _WIDTH, "attention.layer_norm_epsilon")
_ALWAYS: Final[dict[str, Keys]] = {
    "deepseek2": ("attention.kv_lora_rank", _EXPERTS_WIDTH, "expert_shared_count"),
    "gemma-embedding": (_WINDOW,),
    "gemma3n": (_WINDOW,),
    "gemma4": (
        *(_WINDOW, f"{_WINDOW}_pattern", "attention.key_length_swa", "attention.value_length_swa"),
        "embedding_length_per_layer_input",
    ),
    "glm4": (_SECTIONS,),
    "gpt-oss": (_WINDOW,),
    "laguna": (_EXPERTS_WIDTH, "leading_dense_block_count"),
    "lfm2": (_KEPT_HEADS, "shortconv.l_cache"),
    "llama4": (_EXPERTS_WIDTH, "interleave_moe_layer_step"),
    "nemotron_h": _NEMOTRON,
    "nemotron_h_moe": (*_NEMOTRON, "expert_shared_feed_forward_length"),
    "qwen2vl": (_SECTIONS,),
    "qwen35": (*_RECURRENT, _SECTIONS),
    "qwen35moe": (*_RECURRENT, _SECTIONS),
    "qwen3next": _RECURRENT,
}
"""Beside the number of heads, which all need."""
_WITH_TENSOR: Final = (("ffn_down.weight", _WIDTH), ("attn_q_a.weight", "attention.q_lora_rank"))
"""A tensor of a block, and the key that is needed where any block has it."""
_WITH_DENSE_START: Final = frozenset({"deepseek2", "deepseek2-ocr"})
"""Whose first blocks may be without experts, and which say in a key how many."""
_OF_PROJECTORS: Final[dict[str, Keys]] = {
    "deepseekocr": ("sam.block_count", "sam.embedding_length", "sam.head_count"),
    "pixtral": ("spatial_merge_size",),
}


def check_keys(made: Translation, blocks: Shapes) -> None:
    """Raise InvalidModelFile, naming the key or tensor, for a model that the engine would not take."""
    own = made.architecture
    _require(made, f"{own}.", (_HEADS, *_ALWAYS.get(own, ())))
    for tensor, key in _WITH_TENSOR:
        if any(tensor in shapes for shapes in blocks.values()):
            _require(made, f"{own}.", (key,))
    _check_experts(made, blocks)


def check_projector_keys(made: Translation, kind: str) -> None:
    """The same for a projector of pictures of that kind."""
    _require(made, "clip.vision.", _OF_PROJECTORS.get(kind, ()))


def _require(made: Translation, prefix: str, names: Keys) -> None:
    for name in names:
        if f"{prefix}{name}" not in made.facts:
            raise InvalidModelFile(f'the key "{made.stored_key(f"{prefix}{name}")}" is missing')


def _check_experts(made: Translation, blocks: Shapes) -> None:
    own = made.architecture
    key = f"{own}.expert_used_count"
    used = max(made.whole_numbers(key), default=made.number(key) or 0)
    count = made.number(f"{own}.expert_count")
    if used > (count or 0):
        _require(made, f"{own}.", ("expert_count",))
        raise InvalidModelFile(
            f'the key "{made.stored_key(key)}" must not be above the number of experts, {count}, but is {used}'
        )
    if count and used < 1:
        _require(made, f"{own}.", ("expert_used_count",))
        raise InvalidModelFile(f'the key "{made.stored_key(key)}" must be from 1 to {count}, not {used}')
    listed = made.whole_numbers(key)
    for block in (block for block, shapes in blocks.items() if "ffn_gate_inp.weight" in shapes):
        if block < len(listed) and listed[block] < 1:
            raise InvalidModelFile(f'the key "{made.stored_key(key)}" must not be {listed[block]} for block {block}')
    if own not in OWN_EXPERTS and used > next(iter(listed), used):
        text = f"must not be above {listed[0]}, that of the first block, but is {used}"
        raise InvalidModelFile(f'the key "{made.stored_key(key)}" {text}')
    if own in _WITH_DENSE_START and count and "ffn_gate_inp.weight" not in blocks.get(0, {}):
        _require(made, f"{own}.", ("leading_dense_block_count",))
