"""DeepSeek OCR: a DeepSeek 2 behind two encoders of pictures."""

from tampu.gguf.translate import vision
from tampu.gguf.translate.facts import as_u32, f32, flag, u32, words
from tampu.gguf.translate.translation import Translation

_NEW = "deepseek2-ocr"


def is_published(file: Translation) -> bool:
    del file
    return True


def translate_text(made: Translation) -> None:
    made.become(_NEW)
    made.default(f"{_NEW}.attention.layer_norm_rms_epsilon", f32(1e-6))
    width = made.size("blk.1.ffn_down_exps.weight", 0)
    if width is not None:
        made.default(f"{_NEW}.expert_feed_forward_length", u32(width))
    shared, single = made.size("blk.1.ffn_down_shexp.weight", 0), made.number(f"{_NEW}.expert_feed_forward_length")
    if shared is not None and single is not None and single > 0:
        made.default(f"{_NEW}.expert_shared_count", u32(shared // single))
    made.hide("s.", "v.", "mm.")


def translate_projector(made: Translation) -> None:
    vision.begin(made)
    made.keep_only("s.", "v.", "mm.")
    made.copy_each(
        "deepseekocr.vision.", "clip.vision.", ("block_count", "embedding_length", "image_size", "patch_size")
    )
    made.copy("deepseekocr.vision.head_count", "clip.vision.attention.head_count", as_u32)
    made.copy_each("deepseekocr.sam.", "clip.vision.sam.", ("block_count", "embedding_length", "head_count"))
    usual = {"feed_forward_length": 64, "projection_dim": 1280, "projector.scale_factor": 1, "window_size": 14}
    for key, number in usual.items():
        made.default(f"clip.vision.{key}", u32(number))
    made.default("clip.vision.attention.layer_norm_epsilon", f32(1e-6))
    vision.colours(made)
    made.default("clip.use_gelu", flag(True))
    made.facts["clip.projector_type"] = words("deepseekocr")
    made.rename_beginnings("s.", "v.sam.")
    made.rename("v.sam.position_embd", "v.sam.pos_embd.weight")
    made.replace(
        (".self_attn.out_proj", ".attn_out"),
        (".self_attn.qkv_proj", ".attn_qkv"),
        (".layer_norm1", ".ln1"),
        (".layer_norm2", ".ln2"),
        (".mlp.fc1", ".ffn_up"),
        (".mlp.fc2", ".ffn_down"),
        ("v.pre_layrnorm", "v.pre_ln"),
        (".attn.proj", ".attn.out"),
        (".attn.rel_pos_h", ".attn.pos_h.weight"),
        (".attn.rel_pos_w", ".attn.pos_w.weight"),
        (".norm1", ".pre_ln"),
        (".norm2", ".post_ln"),
        ("mm.layers", "mm.model.fc"),
        ("mm.image_newline", "v.image_newline"),
        ("mm.view_seperator", "v.view_seperator"),
    )
    made.widen("v.patch_embd.weight", "v.sam.patch_embd.weight", "v.position_embd.weight", "v.sam.pos_embd.weight")
    made.widen(*(name for name in made.tensors if name.endswith((".attn.pos_h.weight", ".attn.pos_w.weight"))))
