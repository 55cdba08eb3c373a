"""Gemma 3n: a table of tokens that is longer than the one per layer, and tokens of the wrong kinds."""

import re

from tampu.gguf.translate.facts import I32, TEXT, U32, array, items_of, words
from tampu.gguf.translate.translation import Translation
from tampu.gguf.vocabulary import texts_in

_TABLE, _PER_LAYER = "token_embd.weight", "per_layer_token_embd.weight"
_TOKENS, _TYPES = "tokenizer.ggml.tokens", "tokenizer.ggml.token_type"
_ENDS = "tokenizer.ggml.eos_token_ids"
_NORMAL, _BYTE = 1, 6
_MARK = b"<"
_BYTE_TOKEN = re.compile(rb"<0x..>", re.DOTALL)
_END_OF_TURN = 106


def is_published(file: Translation) -> bool:
    rows, rows_per_layer = file.size(_TABLE, 1), file.size(_PER_LAYER, 1)
    # One that lacks a table, or rows of it, is refused by name.
    return rows is None or rows_per_layer is None or rows != rows_per_layer


def translate_text(made: Translation) -> None:
    for name in (_TABLE, _PER_LAYER):
        made.require(name)
    rows = made.size(_PER_LAYER, 1) or 0
    made.facts["tokenizer.ggml.model"] = words("llama")
    made.keep_rows(_TABLE, rows)
    made.truncate((_TOKENS, "tokenizer.ggml.scores", _TYPES), rows)
    _mend_types(made)
    _add_end(made)
    made.hide("v.", "mm.", "a.")


def _mend_types(made: Translation) -> None:
    tokens = items_of(made.facts[_TOKENS]) if _TOKENS in made.facts else None
    types = items_of(made.facts[_TYPES]) if _TYPES in made.facts else None
    if tokens is None or tokens.kind != TEXT or types is None or types.kind != I32:
        return
    kinds = made.numbers(_TYPES)
    for index, token in zip(range(len(kinds)), texts_in(tokens.body, tokens.count), strict=False):
        if token[:1] != _MARK:  # nearly all of a quarter of a million
            continue
        if _BYTE_TOKEN.fullmatch(token):
            kinds[index] = _BYTE
        elif token.startswith(b"<unused"):
            kinds[index] = _NORMAL
    made.facts[_TYPES] = array(I32, kinds)


def _add_end(made: Translation) -> None:
    if _ENDS not in made.facts:
        made.facts[_ENDS] = array(I32, [1, _END_OF_TURN])
        return
    items = items_of(made.facts[_ENDS])
    if items is not None and items.kind in {I32, U32}:
        ends = made.numbers(_ENDS)
        made.facts[_ENDS] = array(items.kind, ends if _END_OF_TURN in ends else [*ends, _END_OF_TURN])
