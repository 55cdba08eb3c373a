"""Llama 3 files whose tokenizer does not say how text is cut, or where a turn ends."""

from tampu.gguf.translate.facts import I32, array, items_of, text_at, u32, words
from tampu.gguf.translate.translation import Translation

_TOKENS, _PRE = "tokenizer.ggml.tokens", "tokenizer.ggml.pre"
_EOS, _EOT = "tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id"
_START_OF_HEADER, _END_OF_TURN, _END_OF_TEXT = 128006, 128009, 128001
_SILENT = frozenset({None, "", "default"})


def is_published(file: Translation) -> bool:
    if file.text(_PRE) not in _SILENT and file.number(_EOS) != _END_OF_TEXT:
        return False
    tokens = items_of(file.facts[_TOKENS]) if _TOKENS in file.facts else None
    if tokens is None or text_at(tokens, _END_OF_TURN) != b"<|eot_id|>":
        return False
    template = file.text("tokenizer.chat_template") or ""
    return (
        text_at(tokens, _START_OF_HEADER) == b"<|start_header_id|>"
        or "<|start_header_id|>" in template
        or "<|eot_id|>" in template
    )


def translate_text(made: Translation) -> None:
    if made.text(_PRE) in _SILENT:
        made.facts[_PRE] = words("llama-bpe")
    for key in (_EOS, _EOT):
        number = made.number(key)
        if number is None or number < 0 or number == _END_OF_TEXT:
            made.facts[key] = u32(_END_OF_TURN)
    made.facts["tokenizer.ggml.eos_token_ids"] = array(I32, [_END_OF_TURN])
