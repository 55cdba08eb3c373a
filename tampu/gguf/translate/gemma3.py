"""Gemma 3: other names for the bases of its rotations, a vocabulary beyond its table, pictures."""

from typing import Final

from tampu.gguf.translate import vision
from tampu.gguf.translate.facts import as_f32, as_u32, f32, flag, words
from tampu.gguf.translate.translation import Translation

_MARKS: Final = (
    "gemma3.mm.tokens_per_image",
    "gemma3.rope.global.freq_base",
    "gemma3.rope.local.freq_base",
    "tokenizer.ggml.add_padding_token",
    "tokenizer.ggml.add_unknown_token",
)
_EPSILON: Final = "gemma3.attention.layer_norm_rms_epsilon"
_LONG_CONTEXT: Final = 131072
_TEMPLATE: Final = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}"
    "{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
    "{{ '<start_of_turn>' + ('model' if message['role'] == 'assistant' else message['role']) + '\n'"
    " + message['content'] | trim + '<end_of_turn>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}"
)
"""Only the engine's own rendering sees it."""


def is_published(file: Translation) -> bool:
    is_marked = any(key in file.facts for key in _MARKS) or file.has_parts("v.", "mm.")
    return is_marked or _EPSILON not in file.facts


def translate_text(made: Translation) -> None:
    made.copy("gemma3.rope.global.freq_base", "gemma3.rope.freq_base", as_f32)
    made.copy("gemma3.rope.local.freq_base", "gemma3.rope.freq_base_swa", as_f32)
    made.default(_EPSILON, f32(1e-6))
    made.default("gemma3.rope.freq_base", f32(1000000))
    made.default("gemma3.rope.freq_base_swa", f32(10000))
    made.default("tokenizer.chat_template", words(_TEMPLATE))
    if (made.number("gemma3.context_length") or 0) >= _LONG_CONTEXT:
        made.default("gemma3.rope.scaling.type", words("linear"))
        made.default("gemma3.rope.scaling.factor", f32(8))
    rows = made.size("token_embd.weight", 1)
    if rows is not None:
        made.truncate((f"tokenizer.ggml.{key}" for key in ("tokens", "scores", "token_type")), rows)
    made.hide("v.", "mm.")


def translate_projector(made: Translation) -> None:
    vision.begin(made)
    made.keep_only("v.", "mm.")
    made.copy_each("gemma3.vision.", "clip.vision.", vision.SIZES)
    made.copy_each("gemma3.vision.", "clip.vision.", ("attention.layer_norm_epsilon",), as_f32)
    made.copy("gemma3.embedding_length", "clip.vision.projection_dim", as_u32)
    vision.colours(made)
    made.default("clip.use_gelu", flag(True))
    made.facts["clip.projector_type"] = words("gemma3")
    made.replace(
        ("v.patch_embedding", "v.patch_embd"),
        ("v.position_embedding", "v.position_embd"),
        ("v.post_layernorm", "v.post_ln"),
        (".layer_norm1", ".ln1"),
        (".layer_norm2", ".ln2"),
        (".attn_output", ".attn_out"),
        # This projector alone calls the way in "down" and the way out "up".
        (".mlp.fc1", ".ffn_down"),
        (".mlp.fc2", ".ffn_up"),
        ("mm.mm_input_projection", "mm.input_projection"),
        ("mm.mm_soft_emb_norm", "mm.soft_emb_norm"),
    )
    made.widen("v.patch_embd.weight", "v.position_embd.weight")
