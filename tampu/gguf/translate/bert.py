"""Embedding models of the bert kind whose table for normalising text was written as a text, byte by byte."""

import base64
import binascii

from tampu.errors import InvalidModelFile
from tampu.gguf.translate.facts import TEXT, array, items_of
from tampu.gguf.translate.translation import Translation
from tampu.gguf.vocabulary import texts_in

_KEY = "tokenizer.ggml.precompiled_charsmap"
_MOST_LETTERS = 2 << 20
_UINT8 = 0


def is_published(file: Translation) -> bool:
    if file.text("tokenizer.ggml.model") != "t5" or _KEY not in file.facts:
        return False
    items = items_of(file.facts[_KEY])
    return items is not None and items.kind == TEXT


def translate_text(made: Translation) -> None:
    items = items_of(made.facts[_KEY])
    if items is None or items.count > _MOST_LETTERS:
        raise InvalidModelFile(f'the key "{_KEY}" is too long')
    letters = texts_in(items.body, items.count)
    if any(len(letter) != 1 for letter in letters):
        raise InvalidModelFile(f'the key "{_KEY}" must be a list of single letters')
    encoded = b"".join(letters).partition(b"=")[0]
    # A ragged end holds no whole byte.
    encoded = encoded[: len(encoded) - (len(encoded) % 4 == 1)]
    try:
        table = base64.b64decode(encoded + b"=" * (-len(encoded) % 4), validate=True)
    except binascii.Error:
        raise InvalidModelFile(f'the key "{_KEY}" is no base64') from None
    if not table:
        raise InvalidModelFile(f'the key "{_KEY}" is empty')
    made.facts[_KEY] = array(_UINT8, table)
