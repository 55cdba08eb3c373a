"""gpt-oss under the name and with the tensor names of Ollama's converter."""

from tampu.gguf.translate.facts import u32, words
from tampu.gguf.translate.translation import Translation


def is_published(file: Translation) -> bool:
    del file
    return True


def translate_text(made: Translation) -> None:
    made.become("gpt-oss")
    width = made.size("blk.0.ffn_gate_exps.weight", 1)
    if width is not None:
        made.default("gpt-oss.expert_feed_forward_length", u32(width))
    made.default("gpt-oss.rope.scaling.type", words("yarn"))
    made.facts["tokenizer.ggml.pre"] = words("gpt-4o")
    made.replace((".attn_out.", ".attn_output."))
    made.rename_endings(".attn_sinks", ".attn_sinks.weight")
    made.replace((".ffn_norm.", ".post_attention_norm."))
