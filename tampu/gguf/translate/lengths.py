"""The lengths that a header gives to one block of a model: how many heads, how long each, how wide its layers. Pure.

What a key that is missing stands for is known here as well: a file is wrong only if its tensors have another length.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tampu.gguf.translate.facts import items_of, number_of, numbers_of
from tampu.gguf.translate.translation import Translation

Keys = tuple[str, ...]
_PER_BLOCK: Final = frozenset({"gemma4", "laguna", "lfm2", "nemotron_h", "nemotron_h_moe"})
"""Whose blocks may have heads and widths of their own; the others take those of the first for all."""
OWN_EXPERTS: Final = frozenset({"nemotron_h", "nemotron_h_moe"})
"""Whose blocks each ask as many experts, of such a width, as is said of them; others die where one asks more."""
MIXED: Final = frozenset({"qwen35", "qwen35moe", "qwen3next"})
"""Who have blocks with a state, and full attention in an interval."""
RECURRENT: Final = "attention.recurrent_layers"
_USUAL_INTERVAL: Final = 4


class Lengths:
    """Of one block. A length that makes no sense is 0, which no tensor has."""

    def __init__(self, made: Translation, block: int) -> None:
        self._made, self.block = made, block
        self.architecture = made.architecture
        self.is_own = made.architecture in _PER_BLOCK

    def number(self, name: str, usual: int = 0) -> int:
        """A whole number that a key has for all blocks, or for this one; `usual` without it."""
        fact = self._made.facts.get(f"{self._made.architecture}.{name}")
        if fact is None:
            return usual
        numbers, at = numbers_of(fact), self.block if self.is_own else 0
        value = number_of(fact) if numbers is None else numbers[at] if at < len(numbers) else None
        return int(value) if isinstance(value, int) else 0

    @property
    def tokens(self) -> int:
        """Of the vocabulary."""
        fact = self._made.facts.get("tokenizer.ggml.tokens")
        items = None if fact is None else items_of(fact)
        return 0 if items is None else items.count

    @property
    def kinds_of_tokens(self) -> int:
        fact = self._made.facts.get("tokenizer.ggml.token_type_count")
        number = None if fact is None else number_of(fact)
        return number if isinstance(number, int) else 0

    @property
    def slides(self) -> bool:
        """Whether the window of this block slides, for those who say it of each block."""
        pattern = self._made.numbers(f"{self._made.architecture}.attention.sliding_window_pattern")
        return self.block < len(pattern) and bool(pattern[self.block])

    @property
    def share(self) -> int:
        """How long a head is where nothing says it: as the heads of the first block share the width, in all blocks."""
        return self.number("embedding_length") // self.first_heads if self.first_heads else 0

    @property
    def first_heads(self) -> int:
        """Heads that ask in the first block."""
        return self.of_first.number("attention.head_count")

    @property
    def of_first(self) -> "Lengths":
        """Of the first block."""
        return Lengths(self._made, 0)

    @property
    def head(self) -> int:
        """What is turned of a head at most."""
        return max(_key(self), self.number(_MLA))

    @property
    def turned(self) -> int:
        """How much of a head is turned."""
        usual = _turned(self)
        return self.number("rope.dimension_count_swa", usual) if self.slides else usual

    @property
    def is_recurrent(self) -> bool:
        """Whether this block is no attention, for those who list these, or have one that is in an interval."""
        key = f"{self._made.architecture}.{RECURRENT}"
        said = self._made.numbers(key)
        if said:
            return self.block < len(said) and bool(said[self.block])
        if key in self._made.facts:
            return bool(self._made.number(key))
        interval = self.number("full_attention_interval", _USUAL_INTERVAL)
        return interval > 0 and (self.block + 1) % interval != 0


def _head(of: Lengths, name: str) -> int:
    """No head has a length where the first block has none, whatever a key says."""
    usual = of.number(name, of.share) if of.first_heads else 0
    return of.number(f"{name}_swa", usual) if of.slides else usual


def _key(of: Lengths) -> int:
    return _head(of, "attention.key_length")


def _value(of: Lengths) -> int:
    return _head(of, "attention.value_length")


def _heads(of: Lengths) -> int:
    return of.number("attention.head_count")


def _kept_heads(of: Lengths) -> int:
    return of.number("attention.head_count_kv", _heads(of))


def _narrow(of: Lengths) -> int:
    """Of experts; those of the first block tell it for all, unless each block has its own."""
    of = of if of.architecture in OWN_EXPERTS else of.of_first
    used = of.number("expert_used_count")
    usual = of.number("feed_forward_length") // used if used > 0 else 0
    return of.number("expert_feed_forward_length") or usual


def _shared(of: Lengths) -> int:
    return of.number("expert_shared_feed_forward_length") or of.number("feed_forward_length")


def _turned(of: Lengths) -> int:
    """Of a block whose window does not slide."""
    return of.number("rope.dimension_count", of.number("attention.key_length", of.share))


def _state_keys(of: Lengths) -> int:
    return of.number("ssm.state_size") * of.number("ssm.group_count")


def _state_values(of: Lengths) -> int:
    return of.number("ssm.state_size") * of.number("ssm.time_step_rank")


def _grouped(of: Lengths) -> int:
    return of.number("ssm.inner_size") + 2 * _state_keys(of)


def _asked_at_once(of: Lengths) -> int:
    """What a block asks, what it is asked for, and what it answers, as one."""
    return _heads(of) * _key(of) + _kept_heads(of) * (_key(of) + _value(of))


def _asked_twice_at_once(of: Lengths) -> int:
    """The same where a block asks with gates."""
    return _heads(of) * _key(of) + _asked_at_once(of)


@dataclass(frozen=True, slots=True)
class Length:
    """`keys`: on which it depends, the one first that explains most often why it does not fit."""

    of: Callable[[Lengths], int]
    keys: Keys


_KEY: Final = ("attention.key_length",)
_VALUE: Final = ("attention.value_length",)
_HEADS: Final = ("attention.head_count",)
_KEPT: Final = ("attention.head_count_kv",)
_STATE: Final = ("ssm.state_size", "ssm.group_count", "ssm.time_step_rank")
_MLA: Final = "attention.key_length_mla"


def _said(name: str) -> Length:
    return Length(lambda of: of.number(name), (name,))


LENGTHS: Final[dict[str, Length]] = {
    "one": Length(lambda _: 1, ()),
    "width": _said("embedding_length"),
    "context": _said("context_length"),
    "tokens": Length(lambda of: of.tokens, ()),
    "kinds": Length(lambda of: of.kinds_of_tokens, ("tokenizer.ggml.token_type_count",)),
    "blocks": _said("block_count"),
    "spread": _said("dense_2_feat_out"),
    "heads": _said("attention.head_count"),
    "key": Length(_key, _KEY),
    "half_key": Length(lambda of: _key(of) // 2, _KEY),
    "half_turned": Length(lambda of: _turned(of) // 2, (*_KEY, "rope.dimension_count")),
    "asked": Length(lambda of: _heads(of) * _key(of), (*_KEY, *_HEADS)),
    "asked_twice": Length(lambda of: 2 * _heads(of) * _key(of), (*_KEY, *_HEADS)),
    "asked_turned": Length(lambda of: _heads(of) * _turned(of), (*_KEY, "rope.dimension_count", *_HEADS)),
    "answered": Length(lambda of: _heads(of) * _value(of), (*_VALUE, *_HEADS)),
    "kept": Length(lambda of: _kept_heads(of) * _key(of), (*_KEPT, *_KEY)),
    "kept_turned": Length(lambda of: _kept_heads(of) * _turned(of), (*_KEPT, *_KEY, "rope.dimension_count")),
    "kept_values": Length(lambda of: _kept_heads(of) * _value(of), (*_KEPT, *_VALUE)),
    "at_once": Length(_asked_at_once, (*_KEPT, *_KEY, *_VALUE)),
    "at_once_twice": Length(_asked_twice_at_once, (*_KEPT, *_KEY, *_VALUE)),
    "at_once_turned": Length(
        lambda of: (_heads(of) + 2 * _kept_heads(of)) * _turned(of), (*_KEPT, *_KEY, "rope.dimension_count")
    ),
    "at_once_plain": Length(lambda of: of.number("embedding_length") + 2 * _kept_heads(of) * _value(of), _KEPT),
    "inner": _said("feed_forward_length"),
    "inner_twice": Length(lambda of: 2 * of.number("feed_forward_length"), ("feed_forward_length",)),
    "experts": _said("expert_count"),
    "narrow": Length(_narrow, ("expert_feed_forward_length",)),
    "narrow_twice": Length(lambda of: 2 * _narrow(of), ("expert_feed_forward_length",)),
    "shared": Length(_shared, ("expert_shared_feed_forward_length", "feed_forward_length")),
    "shared_said": _said("expert_shared_feed_forward_length"),
    "shared_each": Length(
        lambda of: _narrow(of) * of.number("expert_shared_count"),
        ("expert_shared_count", "expert_feed_forward_length"),
    ),
    "shared_or_each": Length(
        lambda of: of.number("expert_shared_feed_forward_length") or _narrow(of) * of.number("expert_shared_count", 1),
        ("expert_shared_feed_forward_length", "expert_shared_count"),
    ),
    "latent": Length(lambda of: of.number("moe_latent_size") or of.number("embedding_length"), ("moe_latent_size",)),
    "layered": _said("embedding_length_per_layer_input"),
    "layered_all": Length(
        lambda of: of.number("embedding_length_per_layer_input") * of.number("block_count"),
        ("embedding_length_per_layer_input",),
    ),
    # Recurrent blocks.
    "conv": _said("ssm.conv_kernel"),
    "state": _said("ssm.state_size"),
    "rank": _said("ssm.time_step_rank"),
    "rank_twice": Length(lambda of: 2 * of.number("ssm.time_step_rank"), ("ssm.time_step_rank",)),
    "state_values": Length(_state_values, _STATE),
    "state_all": Length(lambda of: 2 * _state_keys(of) + _state_values(of), _STATE),
    "state_gated": Length(lambda of: 2 * _state_keys(of) + 2 * _state_values(of), _STATE),
    "flat": _said("ssm.inner_size"),
    "groups": _said("ssm.group_count"),
    "per_group": Length(
        lambda of: of.number("ssm.inner_size") // max(1, of.number("ssm.group_count")), ("ssm.inner_size",)
    ),
    "grouped": Length(_grouped, ("ssm.inner_size", *_STATE)),
    "projected": Length(
        lambda of: _grouped(of) + of.number("ssm.inner_size") + of.number("ssm.time_step_rank"),
        ("ssm.inner_size", *_STATE),
    ),
    "reach": _said("shortconv.l_cache"),
    "width_thrice": Length(lambda of: 3 * of.number("embedding_length"), ("embedding_length",)),
    # Attention in a narrow place.
    "asked_rank": _said("attention.q_lora_rank"),
    "kept_rank": _said("attention.kv_lora_rank"),
    "kept_rank_turned": Length(
        lambda of: of.number("attention.kv_lora_rank") + _turned(of), ("rope.dimension_count", "attention.kv_lora_rank")
    ),
    "asked_wide": Length(lambda of: _heads(of) * of.number(_MLA, _key(of)), (_MLA, *_HEADS)),
    "unturned": Length(lambda of: of.number(_MLA, _key(of)) - _turned(of), ("rope.dimension_count", _MLA)),
    "value_wide": Length(
        lambda of: of.number("attention.value_length_mla", _value(of)), ("attention.value_length_mla",)
    ),
    "answered_wide": Length(
        lambda of: _heads(of) * of.number("attention.value_length_mla", _value(of)),
        ("attention.value_length_mla", *_HEADS),
    ),
    "kept_wide": Length(
        lambda of: (
            _heads(of) * (of.number(_MLA, _key(of)) - _turned(of) + of.number("attention.value_length_mla", _value(of)))
        ),
        ("rope.dimension_count", _MLA, "attention.value_length_mla"),
    ),
    # Of the one family whose lengths beside these no key tells.
    "ways": Length(lambda _: 4, ()),
    "ways_squared": Length(lambda _: 16, ()),
    "ways_but_one": Length(lambda _: 3, ()),
    "laurel": Length(lambda _: 64, ()),
    "altup": Length(lambda _: 256, ()),
    "altup_all": Length(lambda of: 256 * of.number("block_count"), ("block_count",)),
}
"""By the words that the table of shapes uses."""
