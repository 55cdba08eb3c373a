"""The types in which the engine wants the keys that it reads; it takes no other, even for the same number. Pure."""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from tampu.errors import InvalidModelFile
from tampu.gguf.translate.facts import BOOL, TEXT, U32, as_f32, as_u32, items_of, kind_of, number_of
from tampu.gguf.translate.lengths import RECURRENT
from tampu.gguf.translate.translation import Conversion, Translation

_COUNTS: Final = (
    *("block_count", "context_length", "embedding_length", "vocab_size", "pooling_type", "leading_dense_block_count"),
    *("expert_count", "expert_shared_count", "expert_group_count", "expert_group_used_count"),
    *("expert_shared_feed_forward_length", "expert_gating_func", "nextn_predict_layers"),
    *("interleave_moe_layer_step", "full_attention_interval", "moe_latent_size", "n_deepstack_layers"),
    *("embedding_length_per_layer_input", "shortconv.l_cache"),
    *("ssm.conv_kernel", "ssm.inner_size", "ssm.state_size", "ssm.time_step_rank", "ssm.group_count"),
    *("attention.key_length", "attention.value_length", "attention.key_length_swa", "attention.value_length_swa"),
    *("attention.key_length_mla", "attention.value_length_mla", "attention.q_lora_rank", "attention.kv_lora_rank"),
    *("attention.sliding_window", "attention.shared_kv_layers", "attention.temperature_length"),
    *("rope.dimension_count", "rope.dimension_count_swa", "rope.scaling.original_context_length"),
)
_COUNTS_OF_BLOCKS: Final = ("expert_used_count", "expert_feed_forward_length", RECURRENT)
"""One for all blocks, or one for each."""
_NUMBERS: Final = (
    *("attention.layer_norm_epsilon", "attention.layer_norm_rms_epsilon", "attention.temperature_scale"),
    *("expert_weights_scale", "final_logit_softcapping", "attn_logit_softcapping"),
    *("rope.freq_base", "rope.freq_base_swa", "rope.scaling.factor", "rope.scaling.attn_factor", "rope.scale_linear"),
    *("rope.scaling.yarn_beta_fast", "rope.scaling.yarn_beta_slow", "rope.scaling.yarn_log_multiplier"),
)
_FLAGS: Final = ("attention.causal", "expert_weights_norm", "rope.scaling.finetuned")
_WORDS: Final = ("rope.scaling.type",)
_TOKENS: Final = (
    *("bos", "eos", "eot", "eom", "unknown", "seperator", "padding", "cls", "mask", "prefix", "suffix", "middle"),
    *("fim_pre", "fim_suf", "fim_mid", "fim_pad", "fim_rep", "fim_sep"),
)
_TOKENIZER_FLAGS: Final = ("add_bos_token", "add_eos_token", "add_sep_token", "add_space_prefix")
_TOKENIZER: Final = "tokenizer.ggml."
_SIDES: Final = ("clip.vision.", "clip.audio.")
_SEEING_COUNTS: Final = (
    *("block_count", "embedding_length", "feed_forward_length", "projection_dim", "attention.head_count"),
    *("image_size", "patch_size", "num_mel_bins", "spatial_merge_size", "n_wa_pattern", "window_size"),
    *("projector.scale_factor", "sam.block_count", "sam.embedding_length", "sam.head_count"),
)


def _as_counts(key: str, fact: bytes) -> bytes:
    return as_u32(key, fact) if items_of(fact) is None else fact


def _as_amount(key: str, fact: bytes) -> bytes:
    made = as_f32(key, fact)
    number = number_of(made)
    if number is None or not (math.isfinite(number) and number >= 0):
        raise InvalidModelFile(f'the key "{key}" must be zero or more, not {number}')
    return made


def _as_flag(key: str, fact: bytes) -> bytes:
    if kind_of(fact) != BOOL:
        raise InvalidModelFile(f'the key "{key}" must be true or false')
    return fact


def _as_words(key: str, fact: bytes) -> bytes:
    if kind_of(fact) != TEXT:
        raise InvalidModelFile(f'the key "{key}" must be a text')
    return fact


def _as_texts(key: str, fact: bytes) -> bytes:
    items = items_of(fact)
    if items is None or items.kind != TEXT:
        raise InvalidModelFile(f'the key "{key}" must be a list of texts')
    return fact


def _as_labels(key: str, fact: bytes) -> bytes:
    """Only a list is read."""
    return fact if items_of(fact) is None else _as_texts(key, fact)


def _each(names: Iterable[str], conversion: Conversion, prefix: str = "") -> dict[str, Conversion]:
    return {f"{prefix}{name}": conversion for name in names}


_OF_MODELS: Final[Mapping[str, Conversion]] = {
    **_each(_COUNTS, as_u32),
    **_each(_COUNTS_OF_BLOCKS, _as_counts),
    **_each(_NUMBERS, _as_amount),
    **_each(_FLAGS, _as_flag),
    **_each(_WORDS, _as_words),
    "classifier.output_labels": _as_labels,
}
"""Of keys that begin with the architecture."""
_OF_ALL: Final[Mapping[str, Conversion]] = {
    "general.name": _as_words,
    "general.file_type": as_u32,
    "tokenizer.chat_template": _as_words,
    **_each(("model", "pre"), _as_words, _TOKENIZER),
    **_each((f"{name}_token_id" for name in _TOKENS), as_u32, _TOKENIZER),
    **_each((*_TOKENIZER_FLAGS, "remove_extra_whitespaces"), _as_flag, _TOKENIZER),
    f"{_TOKENIZER}token_type_count": as_u32,
    f"{_TOKENIZER}merges": _as_texts,
}
_OF_PROJECTORS: Final[Mapping[str, Conversion]] = {
    **{f"{side}{name}": as_u32 for side in _SIDES for name in _SEEING_COUNTS},
    **{f"{side}attention.layer_norm_epsilon": _as_amount for side in _SIDES},
    **_each(("has_vision_encoder", "has_audio_encoder", "use_gelu", "use_silu"), _as_flag, "clip."),
    "general.name": _as_words,
}


def settle_text_keys(made: Translation) -> None:
    """Give what a model says the type that it must have; raises InvalidModelFile, naming the key, where it cannot."""
    own = f"{made.architecture}."
    _settle(made, lambda key: _OF_MODELS.get(key.removeprefix(own)) if key.startswith(own) else _OF_ALL.get(key))


def settle_projector_keys(made: Translation) -> None:
    """The same for a projector."""
    _settle(made, _OF_PROJECTORS.get)


def _settle(made: Translation, conversion_of: Callable[[str], Conversion | None]) -> None:
    for key, fact in made.facts.items():
        conversion = conversion_of(key)
        # A whole number of 32 bits, which most are, is right as it is or wrong in kind.
        if conversion is not None and not (conversion is as_u32 and kind_of(fact) == U32):
            made.facts[key] = conversion(made.stored_key(key), fact)
