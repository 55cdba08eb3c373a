"""The tensors without which the engine does not take a model, by the architecture that a translated file names.

Only what is certain stands here: each was left out of a model, and the engine refused it, or died of it. What is
left out of these lists the engine tells itself, once it has been started.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

Names = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Needs:
    """`each`: what every block has. `one_of`: of each row, every block has all of one group at least.

    `together`: of each group a block has all or none.
    """

    each: Names
    one_of: tuple[tuple[Names, ...], ...] = ()
    outside: Names = ("token_embd.weight", "output_norm.weight")
    together: tuple[Names, ...] = ()


def _weights(names: str) -> Names:
    return tuple(f"{name}.weight" for name in names.split())


def _with(groups: Iterable[Names], *more: str) -> tuple[Names, ...]:
    return tuple((*group, *more) for group in groups)


_ASKING: Final = (_weights("attn_q attn_k attn_v"), _weights("attn_qkv"))
"""What a block asks, what it is asked for, and what it answers: apart, or as one."""
_NORMED: Final = _weights("attn_output attn_q_norm attn_k_norm")
_DENSE: Final = _weights("ffn_gate ffn_up ffn_down")
_EXPERTS: Final = _weights("ffn_gate_inp ffn_down_exps")
_GATED_EXPERTS: Final = (_weights("ffn_gate_exps ffn_up_exps"), _weights("ffn_gate_up_exps"))
_SHARED_EXPERTS: Final = _weights("ffn_gate_inp_shexp ffn_gate_shexp ffn_up_shexp ffn_down_shexp")
_ROUTED: Final = (*_EXPERTS, *_weights("ffn_gate_exps ffn_up_exps ffn_gate_shexp ffn_up_shexp ffn_down_shexp"))
_EITHER: Final = (_DENSE, _EXPERTS)
_NORMS: Final = _weights("attn_norm ffn_norm")
_ALL_NORMS: Final = (*_NORMS, *_weights("post_attention_norm post_ffw_norm"))
_RECURRENT: Final = ("ssm_conv1d.weight", "ssm_dt.bias", "ssm_a", "ssm_norm.weight", "ssm_out.weight")
_ALL_OUTSIDE: Final = _weights("token_embd output_norm output")

_GEMMA: Final = Needs((*_ALL_NORMS, *_NORMED, *_DENSE), (_ASKING,))
_LLAMA: Final = Needs((*_NORMS, "attn_output.weight"), (_ASKING, _EITHER))
_SHARED: Final = _weights("ffn_gate_shexp ffn_up_shexp ffn_down_shexp")
_NEMOTRON: Final = Needs(
    ("attn_norm.weight",),
    (
        (
            (*_RECURRENT, "ssm_in.weight", "ssm_conv1d.bias", "ssm_d"),
            *_with(_ASKING, "attn_output.weight"),
            (*_weights("ffn_gate_inp ffn_up_exps ffn_down_exps ffn_up_shexp ffn_down_shexp"), "exp_probs_b.bias"),
            _weights("ffn_up ffn_down"),
        ),
    ),
    together=(_weights("ffn_latent_down ffn_latent_up"),),
)
_QWEN_NORMS: Final = _weights("attn_norm post_attention_norm")
_QWEN_MIXED: Final = (
    *_with(_ASKING, *_NORMED),
    (*_weights("attn_qkv attn_gate ssm_alpha ssm_beta"), *_RECURRENT),
)

NEEDS: Final[dict[str, Needs]] = {
    "bert": Needs(
        (
            *_weights("attn_output ffn_up ffn_down attn_output_norm layer_output_norm"),
            "attn_output_norm.bias",
            "layer_output_norm.bias",
        ),
        (_ASKING,),
        ("token_embd.weight", "position_embd.weight", "token_embd_norm.weight", "token_embd_norm.bias"),
    ),
    "deepseek2": Needs(
        (*_NORMS, *_weights("attn_kv_a_mqa attn_kv_a_norm attn_output")),
        (
            (_weights("attn_q_a attn_q_a_norm attn_q_b"), ("attn_q.weight",)),
            (_weights("attn_k_b attn_v_b"), ("attn_kv_b.weight",)),
            _EITHER,
            (_DENSE, *_GATED_EXPERTS),
        ),
        together=(_SHARED,),
    ),
    "deepseek2-ocr": Needs(_LLAMA.each, (*_LLAMA.one_of, (_DENSE, *_GATED_EXPERTS)), together=(_SHARED,)),
    "gemma-embedding": _GEMMA,
    "gemma3": _GEMMA,
    "gemma3n": Needs(
        (
            *_GEMMA.each,
            *_weights("inp_gate proj post_norm laurel_l laurel_r laurel_post_norm altup_correct_coef"),
            *_weights("altup_correct_scale altup_predict_coef altup_router altup_router_norm"),
        ),
        (_ASKING,),
        outside=(
            *_weights("token_embd output_norm per_layer_token_embd per_layer_model_proj per_layer_proj_norm"),
            *_weights("altup_proj altup_unembd_proj"),
        ),
    ),
    # Some of its blocks share what others have remembered.
    "gemma4": Needs(
        (*_ALL_NORMS, *_weights("attn_q attn_output attn_q_norm"), *_DENSE),
        together=(
            _weights("inp_gate proj post_norm"),
            _weights("ffn_gate_exps ffn_up_exps"),
            (*_EXPERTS, "ffn_gate_inp.scale", *_weights("pre_ffw_norm_2 post_ffw_norm_1 post_ffw_norm_2")),
        ),
    ),
    "glm4": Needs((*_ALL_NORMS, *_weights("attn_output ffn_up ffn_down")), (_ASKING,)),
    "gpt-oss": Needs(
        (
            *_weights("attn_norm post_attention_norm attn_sinks attn_output ffn_gate_exps ffn_up_exps"),
            *(*_EXPERTS, "attn_output.bias", "ffn_gate_inp.bias"),
            *("ffn_gate_exps.bias", "ffn_up_exps.bias", "ffn_down_exps.bias"),
        ),
        (_ASKING,),
        _ALL_OUTSIDE,
    ),
    "laguna": Needs(
        (*_NORMS, *_NORMED, "attn_gate.weight"), (_ASKING, _EITHER), together=((*_ROUTED, "exp_probs_b.bias"),)
    ),
    "lfm2": Needs(
        (*_NORMS, *_DENSE),
        ((*_with(_ASKING, *_NORMED), _weights("shortconv.conv shortconv.in_proj shortconv.out_proj")),),
        ("token_embd.weight", "token_embd_norm.weight"),
    ),
    "llama": _LLAMA,
    "llama4": Needs(_LLAMA.each, _LLAMA.one_of, together=(_ROUTED,)),
    "mistral3": _LLAMA,
    "nemotron_h": _NEMOTRON,
    "nemotron_h_moe": _NEMOTRON,
    "olmo2": Needs((*_NORMED, *_weights("post_attention_norm post_ffw_norm"), *_DENSE), (_ASKING,), _ALL_OUTSIDE),
    "qwen2vl": Needs((*_NORMS, "attn_output.weight", *_DENSE), (_ASKING,)),
    "qwen35": Needs((*_QWEN_NORMS, *_DENSE), (_QWEN_MIXED,)),
    "qwen35moe": Needs((*_QWEN_NORMS, *_EXPERTS, *_SHARED_EXPERTS), (_QWEN_MIXED, _GATED_EXPERTS)),
    "qwen3next": Needs(
        (*_QWEN_NORMS, *_EXPERTS, *_SHARED_EXPERTS),
        (
            (
                *_with(_ASKING, *_NORMED),
                (*_weights("attn_qkv attn_gate ssm_ba"), *_RECURRENT),
                (*_weights("ssm_in ssm_ba"), *_RECURRENT),
            ),
            _GATED_EXPERTS,
        ),
    ),
    "qwen3vl": Needs((*_NORMS, *_NORMED, *_DENSE), (_ASKING,)),
    "qwen3vlmoe": Needs((*_NORMS, *_NORMED, *_EXPERTS), (_ASKING, _GATED_EXPERTS)),
}

SEEING: Final = frozenset(
    f"{name}.{ending}"
    for name in "ln1 ln2 attn_q attn_k attn_v attn_qkv attn_out ffn_gate ffn_up ffn_down".split()
    for ending in ("weight", "bias")
)
"""Tensors of an encoder that all of its blocks have if one has them; others, scales say, may be where they are."""
EACH_SEEING: Final = Needs(_weights("attn_out ffn_up ffn_down"), (_ASKING,))
"""Of every block of an encoder of pictures."""
HEARING: Final[dict[str, Names]] = {
    "gemma4a": _weights("ffn_norm ffn_up ffn_down ffn_norm_1 ffn_up_1 ffn_down_1 attn_out conv_pw1 conv_dw conv_pw2")
}
"""By kind of projector: what every block of an encoder of sound has."""

_MERGER: Final = ("mm.0.weight", "mm.0.bias", "mm.2.weight", "mm.2.bias")
_TWO_PATCHES: Final = ("v.patch_embd.weight", "v.patch_embd.weight.1")
ENCODERS: Final[dict[str, Names]] = {
    "deepseekocr": (
        *("v.class_embd", "v.position_embd.weight", "v.image_newline", "v.view_seperator"),
        *("mm.model.fc.weight", "mm.model.fc.bias", "v.sam.pos_embd.weight"),
        *("v.sam.patch_embd.weight", "v.sam.patch_embd.bias", "v.sam.neck.1.bias", "v.sam.neck.3.bias"),
        *_weights("v.sam.neck.0 v.sam.neck.1 v.sam.neck.2 v.sam.neck.3 v.sam.net_2 v.sam.net_3"),
    ),
    "gemma3": _weights("v.patch_embd mm.input_projection mm.soft_emb_norm"),
    "gemma4a": _weights("a.conv1d.0 a.conv1d.1 a.input_projection mm.a.input_projection"),
    "gemma4v": _weights("v.patch_embd v.position_embd mm.input_projection"),
    "glm4v": (
        *(*_TWO_PATCHES, "v.patch_embd.bias", "mm.patch_merger.bias"),
        *_weights("mm.patch_merger mm.model.fc mm.post_norm mm.gate mm.up mm.down"),
    ),
    "llama4": ("v.class_embd", *_weights("v.patch_embd v.position_embd mm.model.fc mm.model.mlp.1 mm.model.mlp.2")),
    "nemotron_v2_vl": (
        "v.class_embd",
        *_weights("v.patch_embd v.position_embd mm.model.mlp.0 mm.model.mlp.1 mm.model.mlp.3"),
    ),
    "pixtral": _weights("v.patch_embd mm.input_norm mm.patch_merger mm.1 mm.2"),
    "qwen2.5vl_merger": (*_TWO_PATCHES, *_MERGER),
    "qwen3vl_merger": (*_TWO_PATCHES, "v.patch_embd.bias", "v.position_embd.weight", *_MERGER),
}
"""By kind of projector: what it has besides its blocks."""
BIASED: Final = frozenset({"qwen2.5vl_merger", "qwen3vl_merger"})
"""Kinds of projectors whose blocks ask with biases."""
ASKING_BIASES: Final = (("attn_q.bias", "attn_k.bias", "attn_v.bias"), ("attn_qkv.bias",))
