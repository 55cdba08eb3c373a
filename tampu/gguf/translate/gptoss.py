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
    for name in list(made.stored):
        if ".attn_out" in name and ".attn_output" not in name:
            made.rename(name, name.replace(".attn_out", ".attn_output", 1))
        elif name.endswith(".attn_sinks"):
            made.rename(name, f"{name}.weight")
        elif ".ffn_norm" in name:
            made.rename(name, name.replace(".ffn_norm", ".post_attention_norm", 1))
