"""Which shapes the tensors of a text model have to have, by the lengths that its header tells. Pure.

The engine asks for exactly these, and refuses a model with one that it does not know, without a name.
"""

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from tampu.errors import InvalidModelFile
from tampu.gguf.translate.lengths import LENGTHS, MIXED, Length, Lengths
from tampu.gguf.translate.translation import Translation, shape_text

Shapes = dict[int, dict[str, tuple[int, ...]]]
"""Of the tensors of blocks: by block, and by name within it."""
_Table = Mapping[str, str]

_NONE: Final[_Table] = MappingProxyType({})
_OUTSIDE: Final[_Table] = {
    "token_embd.weight": "width tokens",
    "output.weight": "width tokens",
    "output_norm.weight": "width",
    "token_embd_norm.weight": "width",
    "token_embd_norm.bias": "width",
    "rope_freqs.weight": "half_turned",
}
_BLOCK: Final[_Table] = {
    **dict.fromkeys(("attn_norm.weight", "ffn_norm.weight"), "width"),
    **dict.fromkeys(("post_attention_norm.weight", "post_ffw_norm.weight"), "width"),
    "attn_q.weight": "width asked",
    "attn_k.weight": "width kept",
    "attn_v.weight": "width kept_values",
    "attn_qkv.weight": "width at_once",
    "attn_q.bias": "asked",
    "attn_k.bias": "kept",
    "attn_v.bias": "kept_values",
    "attn_qkv.bias": "at_once",
    "attn_output.weight": "answered width",
    "attn_output.bias": "width",
    "attn_q_norm.weight": "key",
    "attn_k_norm.weight": "key",
    "ffn_gate.weight": "width inner",
    "ffn_up.weight": "width inner",
    "ffn_down.weight": "inner width",
    "ffn_gate.bias": "inner",
    "ffn_up.bias": "inner",
    "ffn_down.bias": "width",
    "ffn_gate_inp.weight": "width experts",
    "ffn_gate_inp.bias": "experts",
    "ffn_gate_exps.weight": "width narrow experts",
    "ffn_up_exps.weight": "width narrow experts",
    "ffn_down_exps.weight": "narrow width experts",
    "ffn_gate_up_exps.weight": "width narrow_twice experts",
    "exp_probs_b.bias": "experts",
    "ffn_gate_inp_shexp.weight": "width",
    "ffn_gate_shexp.weight": "width shared",
    "ffn_up_shexp.weight": "width shared",
    "ffn_down_shexp.weight": "shared width",
}


def _with_shared(length: str) -> _Table:
    """Experts that all tokens pass, of another length than usual."""
    up = dict.fromkeys(("ffn_gate_shexp.weight", "ffn_up_shexp.weight"), f"width {length}")
    return {**up, "ffn_down_shexp.weight": f"{length} width"}


def _with_experts(length: str) -> _Table:
    up = dict.fromkeys(("ffn_gate_exps.weight", "ffn_up_exps.weight"), f"width {length} experts")
    return {**up, "ffn_down_exps.weight": f"{length} width experts"}


_PLAIN: Final[_Table] = {
    "attn_k.weight": "width kept_values",
    "attn_k.bias": "kept_values",
    "attn_qkv.weight": "width at_once_plain",
    "attn_qkv.bias": "at_once_plain",
}
"""Of those who have no word for the length of a head."""
_RECURRENT: Final[_Table] = {
    "ssm_in.weight": "width state_gated",
    "ssm_conv1d.weight": "conv state_all",
    "ssm_dt.bias": "rank",
    "ssm_a": "rank",
    "ssm_ba.weight": "width rank_twice",
    "ssm_beta.weight": "width rank",
    "ssm_alpha.weight": "width rank",
    "ssm_norm.weight": "state",
    "ssm_out.weight": "state_values width",
    "attn_gate.weight": "width state_values",
    "attn_q.weight": "width asked_twice",
    "attn_q.bias": "asked_twice",
    "attn_qkv.weight": "width at_once_twice",
    "attn_qkv.bias": "at_once_twice",
}
_NEMOTRON: Final[_Table] = {
    "ssm_in.weight": "width projected",
    "ssm_conv1d.weight": "conv grouped",
    "ssm_conv1d.bias": "grouped",
    "ssm_dt.bias": "rank",
    "ssm_a": "one rank",
    "ssm_d": "one rank",
    "ssm_norm.weight": "per_group groups",
    "ssm_out.weight": "flat width",
    "ffn_latent_down.weight": "width latent",
    "ffn_latent_up.weight": "latent width",
    "ffn_up_exps.weight": "latent narrow experts",
    "ffn_down_exps.weight": "narrow latent experts",
    "ffn_up_shexp.weight": "width shared_said",
    "ffn_down_shexp.weight": "shared_said width",
}
_NARROW_ATTENTION: Final[_Table] = {
    "attn_q.weight": "width asked_wide",
    "attn_q_a.weight": "width asked_rank",
    "attn_q_a_norm.weight": "asked_rank",
    "attn_q_b.weight": "asked_rank asked_wide",
    "attn_kv_a_mqa.weight": "width kept_rank_turned",
    "attn_kv_a_norm.weight": "kept_rank",
    "attn_k_b.weight": "unturned kept_rank heads",
    "attn_v_b.weight": "kept_rank value_wide heads",
    "attn_kv_b.weight": "kept_rank kept_wide",
    "attn_output.weight": "answered_wide width",
}
_GPT_OSS: Final[_Table] = {
    "attn_q.weight": "width asked_turned",
    "attn_q.bias": "asked_turned",
    "attn_k.weight": "width kept_turned",
    "attn_k.bias": "kept_turned",
    "attn_qkv.weight": "width at_once_turned",
    "attn_qkv.bias": "at_once_turned",
    "attn_sinks.weight": "heads",
    **dict.fromkeys(("ffn_gate_exps.bias", "ffn_up_exps.bias"), "narrow experts"),
    "ffn_down_exps.bias": "width experts",
}
_GEMMA3N: Final[_Table] = {
    "inp_gate.weight": "width altup",
    "proj.weight": "altup width",
    **dict.fromkeys(("post_norm.weight", "laurel_post_norm.weight", "altup_correct_scale.weight"), "width"),
    "altup_router_norm.weight": "width",
    "altup_correct_coef.weight": "ways ways",
    "altup_predict_coef.weight": "ways ways_squared",
    "altup_router.weight": "width ways",
    "laurel_l.weight": "width laurel",
    "laurel_r.weight": "laurel width",
}
_GEMMA4: Final[_Table] = {
    "inp_gate.weight": "width layered",
    "proj.weight": "layered width",
    "layer_output_scale.weight": "one",
    "ffn_gate_inp.scale": "width",
    "ffn_down_exps.scale": "experts",
    **dict.fromkeys(("post_norm.weight", "pre_ffw_norm_2.weight"), "width"),
    **dict.fromkeys(("post_ffw_norm_1.weight", "post_ffw_norm_2.weight"), "width"),
}
_LFM2: Final[_Table] = {
    "shortconv.conv.weight": "reach width",
    "shortconv.in_proj.weight": "width width_thrice",
    "shortconv.out_proj.weight": "width width",
}
_BERT: Final[_Table] = {
    **_PLAIN,
    **dict.fromkeys(("attn_output_norm.weight", "attn_output_norm.bias"), "width"),
    **dict.fromkeys(("layer_output_norm.weight", "layer_output_norm.bias"), "width"),
}
_OWN: Final[dict[str, _Table]] = {
    "bert": _BERT,
    "deepseek2": {**_NARROW_ATTENTION, **_with_shared("shared_each")},
    "deepseek2-ocr": _with_shared("shared_each"),
    "gemma3n": _GEMMA3N,
    "gemma4": _GEMMA4,
    "glm4": {"ffn_up.weight": "width inner_twice"},
    "gpt-oss": _GPT_OSS,
    "laguna": {"attn_gate.weight": "width heads", **_with_shared("shared_or_each")},
    "lfm2": _LFM2,
    "llama": _with_experts("inner"),
    "llama4": _with_shared("narrow"),
    "mistral3": _with_experts("inner"),
    "nemotron_h": _NEMOTRON,
    "nemotron_h_moe": _NEMOTRON,
    "olmo2": {**_PLAIN, "attn_q_norm.weight": "width", "attn_k_norm.weight": "kept_values"},
    "qwen2vl": _PLAIN,
    "qwen35": _RECURRENT,
    "qwen35moe": _RECURRENT,
    "qwen3next": _RECURRENT,
}
"""Where an architecture has other tensors than usual, or gives them another shape."""
_OWN_OUTSIDE: Final[dict[str, _Table]] = {
    "gemma-embedding": {"dense_2.weight": "width spread", "dense_3.weight": "spread width"},
    "bert": {"position_embd.weight": "width context", "token_types.weight": "width kinds"},
    "gemma3n": {
        **dict.fromkeys(("altup_proj.weight", "altup_unembd_proj.weight"), "width width ways_but_one"),
        "per_layer_token_embd.weight": "altup_all tokens",
        "per_layer_model_proj.weight": "width altup_all",
        "per_layer_proj_norm.weight": "altup",
    },
    "gemma4": {
        "per_layer_token_embd.weight": "layered_all tokens",
        "per_layer_model_proj.weight": "width layered_all",
        "per_layer_proj_norm.weight": "layered",
        "rope_freqs.weight": "half_key",
    },
    "qwen2vl": {"output.bias": "tokens"},
}
_RECURRENT_AT_ONCE: Final = "width state_all"


_ALSO: Final = re.compile(
    r"(.+\.)?(input_)?scale|nextn\..+|(cls|cls\.output|dense_\d)\.(weight|bias)"
    r"|rope_factors_(long|short)\.weight|attn_gate\.weight",
    re.ASCII,
)
"""Tensors of some models, of which nothing more is known here."""
_BLOCKS: Final = re.compile(r"blk\.[0-9]{1,5}\.", re.ASCII)


def check_shapes(made: Translation, blocks: Shapes) -> None:
    """Raise InvalidModelFile, naming the tensor, for a model that the engine would not take."""
    own = made.architecture
    first, outside = Lengths(made, 0), {**_OUTSIDE, **_OWN_OUTSIDE.get(own, _NONE)}
    for name in made.tensors:
        if name not in outside and not _BLOCKS.match(name) and not _ALSO.fullmatch(name):
            raise _unknown(made, name)
    for name, words in outside.items():
        if name in made.tensors:
            _check(made, name, made.tensors[name].shape, words, _outside(made, name) or first)
    table = {**_BLOCK, **_OWN.get(own, _NONE)}
    for block, shapes in sorted(blocks.items()):
        lengths = Lengths(made, block)
        for name, shape in shapes.items():
            known = _of_its_kind(own, name, shape, lengths) or table.get(name)
            if known is not None:
                _check(made, f"blk.{block}.{name}", shape, known, lengths)
            elif not _ALSO.fullmatch(name):
                raise _unknown(made, f"blk.{block}.{name}")


def _of_its_kind(own: str, name: str, shape: tuple[int, ...], lengths: Lengths) -> str | None:
    """The words for a tensor that comes in two kinds, where it is not of the usual one."""
    if name == "attn_qkv.weight" and own in MIXED and lengths.is_recurrent:
        return _RECURRENT_AT_ONCE
    # A gate for each number rather than for each head.
    is_wide = name == "attn_gate.weight" and own == "laguna" and shape[-1] == LENGTHS["asked"].of(lengths)
    return "width asked" if is_wide else None


def _unknown(made: Translation, name: str) -> InvalidModelFile:
    text = f"is not known for the architecture {made.architecture}"
    return InvalidModelFile(f'the tensor "{made.stored_name(name)}" {text}')


def _outside(made: Translation, name: str) -> Lengths | None:
    """The block by which a tensor goes that belongs to none: the first whose window does not slide."""
    if name != "rope_freqs.weight":
        return None
    lengths = (Lengths(made, block) for block in made.blocks(made.number(f"{made.architecture}.block_count")))
    return next((each for each in lengths if not each.slides), None)


def _check(made: Translation, name: str, shape: tuple[int, ...], words: str, lengths: Lengths) -> None:
    asked = [LENGTHS[word] for word in words.split()]
    wanted = tuple(length.of(lengths) for length in asked)
    if trimmed(shape) == trimmed(wanted):
        return
    text = f'the tensor "{made.stored_name(name)}" has the shape {shape_text(shape)}, not {shape_text(wanted)}'
    absent = next(_absent(made, asked, shape, wanted), None)
    raise InvalidModelFile(text if absent is None else f'{text}; the key "{absent}" is missing')


def _absent(made: Translation, asked: list[Length], shape: tuple[int, ...], wanted: tuple[int, ...]) -> Iterator[str]:
    """Keys that may be why a shape does not fit: without them something usual was taken."""
    misfits = [length for at, length in enumerate(asked) if at >= len(shape) or shape[at] != wanted[at]]
    for name in (name for length in misfits for name in length.keys):
        key = name if name.startswith("tokenizer.") else f"{made.architecture}.{name}"
        stored = made.stored_key(key)
        if key not in made.facts or (key in made.origins and stored not in made.facts):
            yield stored


def trimmed(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape without the ones at its end, which say nothing."""
    end = len(shape)
    while end > 1 and shape[end - 1] == 1:
        end -= 1
    return shape[:end]
