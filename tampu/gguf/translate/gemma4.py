"""Gemma 4: its tokenizer under an old name, the scales of its experts, pictures and sound."""

from tampu.gguf.translate import vision
from tampu.gguf.translate.facts import as_f32, as_u32, flag, u32, words
from tampu.gguf.translate.translation import Translation

_MEDIA = ("a.", "v.", "mm.", "model.vision_tower.")
_TOKENIZER = "tokenizer.ggml.model"
_AUDIO_BLOCKS = 12
_PER_LAYER = ("per_layer_token_embd.weight", "per_layer_model_proj.weight", "per_layer_proj_norm.weight")
_REMEMBERED = ("attn_k", "attn_k_norm")


def is_published(file: Translation) -> bool:
    # One whose tokenizer is neither is refused by name.
    return file.has_parts(*_MEDIA) or file.text(_TOKENIZER) != "gemma4"


def translate_text(made: Translation) -> None:
    if made.text(_TOKENIZER) == "llama":
        made.facts[_TOKENIZER] = words("gemma4")
    made.hide(*_MEDIA)
    for block in made.blocks(made.number("gemma4.block_count")):
        made.rename(f"blk.{block}.ffn_gate_inp.per_expert_scale", f"blk.{block}.ffn_down_exps.scale")
    _require_what_keys_ask_for(made)


def _require_what_keys_ask_for(made: Translation) -> None:
    """What depends on more than the names of other tensors; the rest is known to `needs`."""
    if made.number("gemma4.embedding_length_per_layer_input"):
        for name in _PER_LAYER:
            made.require(name)
    count = made.number("gemma4.block_count") or 0
    # Blocks whose window slides turn all of a head; the others need to be told which parts.
    if not all(made.numbers("gemma4.attention.sliding_window_pattern")[:count]):
        made.require("rope_freqs.weight")
    # The last blocks share what those before them remember.
    for block in made.blocks(max(0, count - max(0, made.number("gemma4.attention.shared_kv_layers") or 0))):
        for name in _REMEMBERED:
            made.require(f"blk.{block}.{name}.weight")


def translate_projector(made: Translation) -> None:
    vision.begin(made, has_vision=False)
    made.keep_only("v.", "mm.", "a.")
    if made.has_parts("v."):
        _translate_vision(made)
    if made.has_parts("a."):
        _translate_audio(made)


def _translate_vision(made: Translation) -> None:
    made.copy_each("gemma4.vision.", "clip.vision.", (name for name in vision.SIZES if name != "image_size"))
    made.copy_each("gemma4.vision.", "clip.vision.", ("attention.layer_norm_epsilon",), as_f32)
    made.copy("gemma4.embedding_length", "clip.vision.projection_dim", as_u32)
    made.default("clip.vision.image_size", u32(224))
    vision.colours(made, (0, 0, 0), (1, 1, 1))
    made.default("clip.has_vision_encoder", flag(True))
    made.facts["clip.vision.projector_type"] = words("gemma4v")
    made.widen("v.patch_embd.weight")


def _translate_audio(made: Translation) -> None:
    sizes = ("block_count", "embedding_length", "feed_forward_length", "attention.head_count")
    made.copy_each("gemma4.audio.", "clip.audio.", sizes)
    made.copy_each("gemma4.audio.", "clip.audio.", ("attention.layer_norm_epsilon",), as_f32)
    made.copy("gemma4.embedding_length", "clip.audio.projection_dim", as_u32)
    made.default("clip.audio.num_mel_bins", u32(128))
    made.default("clip.has_audio_encoder", flag(True))
    made.facts["clip.audio.projector_type"] = words("gemma4a")
    made.rename_each(
        (
            ("a.pre_encode.out.weight", "a.input_projection.weight"),
            ("mm.a.fc.weight", "a.pre_encode.out.weight"),
            ("mm.a.fc.bias", "a.pre_encode.out.bias"),
        )
    )
    blocks = made.number("gemma4.audio.block_count")
    for block in made.blocks(_AUDIO_BLOCKS if blocks is None else blocks):
        for old, new in (
            ("ln1", "attn_pre_norm"),
            ("ln2", "attn_post_norm"),  # makes room for the next
            ("layer_pre_norm", "ln2"),
            ("linear_pos", "attn_k_rel"),
        ):
            made.rename(f"a.blk.{block}.{old}.weight", f"a.blk.{block}.{new}.weight")
