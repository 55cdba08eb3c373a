"""Whether the numbers of a model's header go together, where no shape of a tensor tells. Pure.

Only what is certain stands here: with each of these the engine refused a model, died of it, or never came to an end.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from tampu.errors import InvalidModelFile
from tampu.gguf.translate.facts import BOOL, I32, U32, items_of, kind_of, number_of, text_of
from tampu.gguf.translate.lengths import MIXED, RECURRENT, Keys, Lengths
from tampu.gguf.translate.shapes import Shapes
from tampu.gguf.translate.translation import Translation

_MOST_WINDOW: Final = 1 << 30
_WINDOW: Final = "attention.sliding_window"
_SHARED: Final = "attention.shared_kv_layers"
_INTERVAL: Final = "full_attention_interval"
_TURNED: Final = "rope.dimension_count"
_SECTIONS: Final = "rope.dimension_sections"
_TOKENIZER: Final = "tokenizer.ggml.model"
_TOKENIZERS: Final = frozenset({"bert", "gemma4", "gpt2", "llama", "plamo2", "rwkv", "t5"})
_UNTURNED: Final = frozenset({"bert", "nemotron_h", "nemotron_h_moe"})
"""Whose heads no position turns."""
_WITH_MERGES: Final = frozenset({"gemma4", "gpt2"})
_MOST_GATING: Final = 4
_MOST_POOLING: Final = 4
_ANY_POOLING: Final = 2**32 - 1
_WHOLLY_TURNED: Final = frozenset({"llama", "llama4", "mistral3", "olmo2", "qwen2vl", "qwen3vl", "qwen3vlmoe"})
_PATTERNED: Final = frozenset(
    {"gemma-embedding", "gemma3", "gemma3n", "gemma4", "gpt-oss", "laguna", "llama4", "olmo2"}
)
"""Who read of each block whether its window slides, or in which interval one does not."""
_LISTED: Final = frozenset({"gemma4"})
"""Who read it of each block only."""
_WITH_OTHER_HEADS: Final = frozenset({"gemma4", "laguna"})
"""Whose heads may have another length where the window slides."""
_WINDOWED: Final = frozenset({*_PATTERNED, "lfm2"})
"""Who read how long a window is."""
_WITHOUT: Final[dict[str, tuple[int | None, ...]]] = {"gemma3": (None, 0), "llama4": (0,), "olmo2": (None, 0)}
"""Lengths of a window with which there is none; others always have one."""
_STRETCHES: Final = frozenset({"none", "linear", "yarn", "longrope"})
_COOLED: Final = frozenset({"deepseek2", "deepseek2-ocr"})
"""Who have no usual length at which attention cools."""
_SHARING: Final = frozenset({"gemma4"})
"""Whose last blocks may share what those before them remember."""


@dataclass(frozen=True, slots=True)
class Kinds:
    """`of`: tensors of which a block has one at least, by what is said of it; `keys`: by which that is said.

    `instead`: a key that is read in the place of these, where it is there.
    """

    of: Callable[[Lengths], Keys]
    keys: Keys
    instead: str = ""


_EXPERTS: Final = ("ffn_gate_inp.weight",)
_DENSE: Final = ("ffn_up.weight",)
_ASKING: Final = ("attn_q.weight", "attn_qkv.weight")


def _after_dense(of: Lengths) -> Keys:
    return _DENSE if of.block < of.number("leading_dense_block_count") else _EXPERTS


def _in_turn(of: Lengths) -> Keys:
    step = of.number("interleave_moe_layer_step")
    return _EXPERTS if step and (of.block + 1) % step == 0 else _DENSE


def _by_interval(of: Lengths) -> Keys:
    return ("ssm_a",) if of.is_recurrent else ("attn_output.weight",)


def _by_widths(of: Lengths) -> Keys:
    if of.number("feed_forward_length"):
        return (*_EXPERTS, *_DENSE)
    return _ASKING if of.number("attention.head_count_kv") else ("ssm_in.weight",)


def _by_kept_heads(of: Lengths) -> Keys:
    return _ASKING if of.number("attention.head_count_kv") else ("shortconv.conv.weight",)


_WIDTHS: Final = Kinds(_by_widths, ("feed_forward_length", "attention.head_count_kv"))
_KINDS: Final[dict[str, Kinds]] = {
    **dict.fromkeys(("deepseek2", "deepseek2-ocr", "laguna"), Kinds(_after_dense, ("leading_dense_block_count",))),
    "lfm2": Kinds(_by_kept_heads, ("attention.head_count_kv",)),
    "llama4": Kinds(_in_turn, ("interleave_moe_layer_step",)),
    **dict.fromkeys(("nemotron_h", "nemotron_h_moe"), _WIDTHS),
    **dict.fromkeys(MIXED, Kinds(_by_interval, (_INTERVAL,), RECURRENT)),
}


def check_relations(made: Translation, blocks: Shapes) -> None:
    """Raise InvalidModelFile, naming the key, for a model that the engine would not take."""
    own = made.architecture
    tokenizer = made.facts.get(_TOKENIZER)
    if tokenizer is None or text_of(tokenizer) not in _TOKENIZERS:
        raise _wrong(made, _TOKENIZER, f"must be one of {', '.join(sorted(_TOKENIZERS))}")
    if text_of(tokenizer) in _WITH_MERGES and "tokenizer.ggml.merges" not in made.facts:
        raise InvalidModelFile('the key "tokenizer.ggml.merges" is missing')
    _check_heads(made, blocks)
    _check_window(made)
    _check_sliding_heads(made)
    _check_stretching(made)
    _check_sections(made)
    _check_experts(made)
    _check_temperature(made)
    _check_pooling(made)
    if own not in _UNTURNED:
        _check_turning(made, blocks)
    if own in MIXED:
        _check_states(made)
    if own in _SHARING:
        _check_sharing(made, len(blocks))


def _check_heads(made: Translation, blocks: Iterable[int]) -> None:
    """As many heads that ask share each of those that are asked; all blocks of most architectures have the same."""
    own = made.architecture
    for name in ("attention.head_count", "attention.head_count_kv"):
        if not Lengths(made, 0).is_own and len(set(made.numbers(f"{own}.{name}"))) > 1:
            raise _wrong(made, f"{own}.{name}", "must be the same for all blocks")
    for block in blocks:
        lengths = Lengths(made, block)
        heads = lengths.number("attention.head_count")
        kept = lengths.number("attention.head_count_kv", heads)
        if kept and heads % kept:
            raise _wrong(made, f"{made.architecture}.attention.head_count_kv", f"must divide {heads}, but is {kept}")


def _check_window(made: Translation) -> None:
    key = f"{made.architecture}.{_WINDOW}"
    if made.architecture in _WINDOWED and (made.number(key) or 0) >= _MOST_WINDOW:
        raise _wrong(made, key, f"must be below {_MOST_WINDOW}")


def _check_sliding_heads(made: Translation) -> None:
    """Heads of blocks whose window slides are as long as others, in most architectures."""
    own, first = made.architecture, Lengths(made, 0)
    for name in ("attention.key_length", "attention.value_length"):
        length, key = first.number(name, first.share), f"{own}.{name}_swa"
        if own in _PATTERNED - _WITH_OTHER_HEADS and key in made.facts and made.number(key) != length:
            raise _wrong(made, key, f"must be {length}, as long as other heads are")


def check_pattern(made: Translation, count: int) -> None:
    """Raise InvalidModelFile, naming the key, where it is not told of each of so many blocks whether its window slides.

    The windows of some blocks must slide where there are any.
    """
    own = made.architecture
    key = f"{own}.{_WINDOW}_pattern"
    if own not in _PATTERNED or key not in made.facts or made.number(f"{own}.{_WINDOW}") in _WITHOUT.get(own, ()):
        return
    items = items_of(made.facts[key])
    if items is None and own not in _LISTED:
        if kind_of(made.facts[key]) != U32 or made.number(key) == 1:
            raise _wrong(
                made, key, f"must be a whole number of 32 bits, not 1, or a list of {count} times true or false"
            )
    elif items is None or items.kind not in {U32, I32, BOOL} or not items.count == count > 0:
        raise _wrong(made, key, f"must be a list of {count} times true or false")
    elif not any(made.numbers(key)):
        raise _wrong(made, key, "must be true of one block at least")


def _check_stretching(made: Translation) -> None:
    key = f"{made.architecture}.rope.scaling.type"
    if key in made.facts and made.text(key) not in _STRETCHES:
        raise _wrong(made, key, f"must be one of {', '.join(sorted(_STRETCHES))}")


def _check_sections(made: Translation) -> None:
    key = f"{made.architecture}.{_SECTIONS}"
    items = items_of(made.facts[key]) if key in made.facts else None
    if key in made.facts and (items is None or items.kind not in {U32, I32} or items.count != 4):
        raise _wrong(made, key, "must be a list of three or four whole numbers")
    head = Lengths(made, 0).head
    if key in made.facts and sum(made.whole_numbers(key)) > head > 0:
        raise _wrong(made, key, f"must not be more than {head} together, as long as a head is")


def _check_turning(made: Translation, blocks: Iterable[int]) -> None:
    """Pairs of numbers of each head are turned, and no more of them than a head has."""
    for block in blocks:
        lengths = Lengths(made, block)
        name = f"{_TURNED}_swa" if lengths.slides and f"{made.architecture}.{_TURNED}_swa" in made.facts else _TURNED
        turned, head = lengths.turned, lengths.head
        if not head:
            continue
        least = head if made.architecture in _WHOLLY_TURNED else 2
        if turned % 2 or not least <= turned <= head:
            key = f"{made.architecture}.{name}"
            if lengths.slides and turned > head and name == _TURNED:
                key = f"{key}_swa"
            raise _wrong(made, key, f"must be an even number from {least} to {head}")


def _check_experts(made: Translation) -> None:
    own = f"{made.architecture}."
    if (made.number(f"{own}expert_gating_func") or 0) > _MOST_GATING:
        raise _wrong(made, f"{own}expert_gating_func", f"must be from 0 to {_MOST_GATING}")
    count, groups = made.number(f"{own}expert_count") or 0, made.number(f"{own}expert_group_count") or 0
    if groups and (groups >= count or count % groups):
        raise _wrong(made, f"{own}expert_group_count", f"must divide {count}, the number of experts")
    used = made.number(f"{own}expert_group_used_count") or 0
    if groups > 1 and not 0 < used < groups:
        raise _wrong(made, f"{own}expert_group_used_count", f"must be from 1 to {groups - 1}")


def _check_temperature(made: Translation) -> None:
    """Attention that cools with the length of a text begins to at some length."""
    scale = made.facts.get(f"{made.architecture}.attention.temperature_scale")
    key = f"{made.architecture}.attention.temperature_length"
    if made.architecture in _COOLED and scale is not None and number_of(scale) and not made.number(key):
        raise _wrong(made, key, "must be above 0, as there is a temperature_scale")


def _check_pooling(made: Translation) -> None:
    key = f"{made.architecture}.pooling_type"
    if _MOST_POOLING < (made.number(key) or 0) != _ANY_POOLING:
        raise _wrong(made, key, f"must be from 0 to {_MOST_POOLING}")


def check_kinds(made: Translation, blocks: Shapes) -> None:
    """Raise InvalidModelFile, naming the key by which a block is of another kind than its tensors are."""
    rule = _KINDS.get(made.architecture)
    if rule is None:
        return
    for block, shapes in sorted(blocks.items()):
        wanted = rule.of(Lengths(made, block))
        if not any(name in shapes for name in wanted):
            keys = (rule.instead,) if f"{made.architecture}.{rule.instead}" in made.facts else rule.keys
            absent = (key for key in keys if f"{made.architecture}.{key}" not in made.facts)
            key = f"{made.architecture}.{next(absent, keys[0])}"
            raise _wrong(made, key, f"does not go with the tensors of block {block}")


def _check_states(made: Translation) -> None:
    lengths = Lengths(made, 0)
    if lengths.number("ssm.inner_size") != lengths.number("ssm.state_size") * lengths.number("ssm.time_step_rank"):
        key = f"{made.architecture}.ssm.inner_size"
        raise _wrong(made, key, "must be ssm.state_size times ssm.time_step_rank")


def _check_sharing(made: Translation, count: int) -> None:
    """A block that remembers nothing of its own looks at the last of its kind that does."""
    key = f"{made.architecture}.{_SHARED}"
    fact = made.facts.get(key)
    shared = 0 if fact is None else number_of(fact)
    first = count - int(shared or 0)
    if first < min(2, count):
        raise _wrong(made, key, f"must leave two of {count} blocks")
    slides = [Lengths(made, block).slides for block in range(count)]
    for block in range(first, count):
        if slides[first - (2 if slides[block] else 1)] != slides[block]:
            raise _wrong(made, key, f"leaves no block whose window is like that of block {block}")


def _wrong(made: Translation, key: str, what: str) -> InvalidModelFile:
    stored = made.stored_key(key)
    text = f'the key "{stored}" {what}'
    return InvalidModelFile(text if key in made.facts else f"{text}, and is missing")
