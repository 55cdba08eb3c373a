"""GLM OCR: a GLM 4 with other names, gates apart from what they gate, and pictures."""

from tampu.gguf.translate import vision
from tampu.gguf.translate.facts import I32, array, as_f32, as_f32_array, as_u32, flag, words
from tampu.gguf.translate.translation import Translation

_PRE = "tokenizer.ggml.pre"
_USUAL_BLOCKS = 16
_KEYS = {
    "block_count": "block_count",
    "embedding_length": "embedding_length",
    "intermediate_size": "feed_forward_length",
    "attention.head_count": "attention.head_count",
    "image_size": "image_size",
    "patch_size": "patch_size",
    "spatial_merge_size": "spatial_merge_size",
    "out_hidden_size": "projection_dim",
}


def is_published(file: Translation) -> bool:
    del file
    return True


def translate_text(made: Translation) -> None:
    made.become("glm4")
    sections = made.whole_numbers("glm4.rope.mrope_section")
    made.origins["glm4.rope.dimension_sections"] = "glmocr.rope.mrope_section"
    if len(sections) == 3:
        made.facts["glm4.rope.dimension_sections"] = array(I32, [*sections, 0])
    made.copy("glm4.attention.key_length", "glm4.rope.dimension_count", as_u32)
    if _PRE in made.facts:
        made.facts[_PRE] = words("chatglm-bpe")
    made.replace(
        (".attn_out.", ".attn_output."),
        (".post_attn_norm.", ".post_attention_norm."),
        (".post_ffn_norm.", ".post_ffw_norm."),
    )
    blocks = made.number("glm4.block_count")
    for block in made.blocks(_USUAL_BLOCKS if blocks is None else blocks):
        gate, up = f"blk.{block}.ffn_gate.weight", f"blk.{block}.ffn_up.weight"
        # One that is as wide as both holds both already.
        if gate in made.stored or made.size(up, 1) == made.number("glm4.feed_forward_length"):
            made.join(up, [gate, up])
    made.hide("v.", "mm.")


def translate_projector(made: Translation) -> None:
    vision.begin(made)
    made.keep_only("v.", "mm.")
    for old, new in _KEYS.items():
        made.origins[f"clip.vision.{new}"] = f"glmocr.vision.{old}"
        made.copy(f"glmocr.vision.{old}", f"clip.vision.{new}", as_u32)
    made.copy("glmocr.vision.attention.layer_norm_rms_epsilon", "clip.vision.attention.layer_norm_epsilon", as_f32)
    made.copy_each("glmocr.vision.", "clip.vision.", ("image_mean", "image_std"), as_f32_array)
    made.default("clip.use_silu", flag(True))
    made.facts["clip.projector_type"] = words("glm4v")
    made.rename("v.patch_embd_0.weight", "v.patch_embd.weight")
    made.rename("v.patch_embd_1.weight", "v.patch_embd.weight.1")
    made.widen("v.patch_embd.weight", "v.patch_embd.weight.1")
