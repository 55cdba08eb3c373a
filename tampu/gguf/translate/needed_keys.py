"""Whether a translated file has the keys without which the engine does not take it, in numbers that fit. Pure.

Only what is certain stands here: each key was left out of a model, and the engine refused it, or died of it. What is
left out of these lists the engine tells itself, once it has been started.
"""

from typing import Final

from tampu.errors import InvalidModelFile
from tampu.gguf.translate.facts import number_of, numbers_of
from tampu.gguf.translate.translation import Translation, shape_text

Keys = tuple[str, ...]
Shapes = dict[int, dict[str, tuple[int, ...]]]
"""By block and name within it."""

_HEADS, _KEPT_HEADS, _WIDTH = "attention.head_count", "attention.head_count_kv", "feed_forward_length"
_EXPERTS_WIDTH: Final = "expert_feed_forward_length"
_HEAD_SIZE = "attention.value_length"
_ASKED_SIZE = "attention.key_length"
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
        *(_WINDOW, f"{_WINDOW}_pattern", f"{_ASKED_SIZE}_swa", f"{_HEAD_SIZE}_swa"),
        "embedding_length_per_layer_input",
    ),
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
_OTHER_HEADS: Final = frozenset({"bert", "deepseek2", "gemma4", "nemotron_h", "nemotron_h_moe"})
"""Whose heads are not all of one size, or have none."""
_GATED: Final = frozenset({"qwen35", "qwen35moe", "qwen3next"})
"""Whose blocks ask for a gate as well, as long as what they ask."""
_OWN_EXPERTS: Final = frozenset(
    {"deepseek2", "gemma4", "laguna", "llama4", "nemotron_h_moe", "qwen35moe", "qwen3next", "qwen3vlmoe"}
)
"""Whose experts have a width of their own; those of others are as wide as a block without any."""
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
    for block, shapes in sorted(blocks.items()):
        _check_width(made, block, shapes)
        _check_width_of_experts(made, block, shapes)
        if own not in _OTHER_HEADS:
            _check_heads(made, block, shapes)


def check_projector_keys(made: Translation, kind: str) -> None:
    """The same for a projector of pictures of that kind."""
    _require(made, "clip.vision.", _OF_PROJECTORS.get(kind, ()))


def _require(made: Translation, prefix: str, names: Keys) -> None:
    for name in names:
        if f"{prefix}{name}" not in made.facts:
            raise InvalidModelFile(f'the key "{made.stored_key(f"{prefix}{name}")}" is missing')


def _check_experts(made: Translation, blocks: Shapes) -> None:
    own = made.architecture
    used, count = made.number(f"{own}.expert_used_count") or 0, made.number(f"{own}.expert_count")
    if used > (count or 0):
        _require(made, f"{own}.", ("expert_count",))
        key = made.stored_key(f"{own}.expert_used_count")
        raise InvalidModelFile(f'the key "{key}" must not be above the number of experts, {count}, but is {used}')
    if own in _WITH_DENSE_START and count and "ffn_gate_inp.weight" not in blocks.get(0, {}):
        _require(made, f"{own}.", ("leading_dense_block_count",))


def _check_width(made: Translation, block: int, shapes: dict[str, tuple[int, ...]]) -> None:
    width, shape = _of_block(made, _WIDTH, block), shapes.get("ffn_down.weight")
    if shape and width is not None and shape[0] != width:
        raise _misfit(made, f"blk.{block}.ffn_down.weight", shape, f"a {_WIDTH} of {width}")


def _check_width_of_experts(made: Translation, block: int, shapes: dict[str, tuple[int, ...]]) -> None:
    own, shape = made.architecture, shapes.get("ffn_down_exps.weight")
    if not shape or own not in _OWN_EXPERTS:
        return
    used = made.number(f"{own}.expert_used_count") or 1
    usual = (_of_block(made, _WIDTH, block) or 0) // max(1, used)
    width = _of_block(made, _EXPERTS_WIDTH, block)
    if shape[0] != (usual if width is None else width):
        _require(made, f"{own}.", (_EXPERTS_WIDTH,))
        raise _misfit(made, f"blk.{block}.ffn_down_exps.weight", shape, f"an {_EXPERTS_WIDTH} of {width}")


def _check_heads(made: Translation, block: int, shapes: dict[str, tuple[int, ...]]) -> None:
    """What a key that is missing stands for has to fit, and the size of what the heads say in any case."""
    own = made.architecture
    heads, first = _of_block(made, _HEADS, block), _of_block(made, _HEADS, 0)
    said = shapes.get("attn_output.weight")
    if not said or not heads or not first:
        return
    usual = made.require_number(f"{own}.embedding_length") // first
    if said[0] != heads * (_of_block(made, _HEAD_SIZE, block) or usual):
        _require(made, f"{own}.", (_HEAD_SIZE,))
        raise _misfit(made, f"blk.{block}.attn_output.weight", said, f"{heads} heads")
    asked = shapes.get("attn_q.weight")
    if asked and asked[-1] != heads * usual * (2 if own in _GATED else 1):
        _require(made, f"{own}.", (_ASKED_SIZE,))
    # Where nothing is said there are as many heads for what is remembered.
    kept, joined = shapes.get("attn_k.weight"), shapes.get("attn_qkv.weight")
    if (kept and kept[-1] != said[0]) or (joined and joined[-1] != 3 * said[0]):
        _require(made, f"{own}.", (_KEPT_HEADS,))


def _of_block(made: Translation, name: str, block: int) -> int | None:
    """A whole number that a key has for all blocks, or for this one; None without it."""
    fact = made.facts.get(f"{made.architecture}.{name}")
    if fact is None:
        return None
    numbers = numbers_of(fact)
    value = number_of(fact) if numbers is None else numbers[block] if block < len(numbers) else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _misfit(made: Translation, name: str, shape: tuple[int, ...], what: str) -> InvalidModelFile:
    text = f"has the shape {shape_text(shape)}, which does not go with {what}"
    return InvalidModelFile(f'the tensor "{made.stored_name(name)}" {text}')
