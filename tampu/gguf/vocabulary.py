"""The tokens of a model, as its file writes them: engines die of some, so they are looked at before one is started."""

import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from tampu.errors import InvalidModelFile
from tampu.gguf.header import ArraySummary, Header

TOKENS: Final = "tokenizer.ggml.tokens"
KINDS: Final = "tokenizer.ggml.token_type"
SCORES: Final = "tokenizer.ggml.scores"
TOKENIZER: Final = "tokenizer.ggml.model"
MOST_TOKENS: Final = 1 << 20
"""No vocabulary is as long; of longer ones the engine says what it wants to say."""
_MOST_BYTES: Final = 64 << 20
_BYTE_KIND: Final = 6
_BYTE_PREFIX: Final = len("<0x")
_WITHOUT_BYTES: Final = "bert"
_WITHOUT_WORDS: Final = frozenset({"none", "no_vocab"})
"""Of these the engine reads no tokens."""
_SHOWN_BYTES: Final = 60


def check_stored_vocabulary(path: Path, header: Header) -> None:
    """As `check_vocabulary`, of a file that is loaded as it is. Raises OSError as well; about 40 ms for 260,000 tokens.

    A list that is missing or no list of texts is left to the engine, which says so.
    """
    tokens, kinds = header.metadata.get(TOKENS), header.metadata.get(KINDS)
    if not isinstance(tokens, ArraySummary) or tokens.type != "string" or tokens.count > MOST_TOKENS:
        return
    if len(tokens.place) > _MOST_BYTES:
        raise InvalidModelFile(f'the key "{TOKENS}" is longer than any vocabulary: {len(tokens.place)} bytes')
    texts = texts_in(_read(path, tokens.place), tokens.count)
    if isinstance(kinds, ArraySummary) and kinds.type == "int32":
        bytes_at = bytes_among(_read(path, kinds.place)) if kinds.count <= MOST_TOKENS else iter(())
    else:
        bytes_at = (at for at, kind in enumerate(kinds if isinstance(kinds, list) else ()) if kind == _BYTE_KIND)
    check_vocabulary(str(header.metadata.get(TOKENIZER)), texts, bytes_at)


def check_vocabulary(tokenizer: str, texts: Sequence[bytes], bytes_at: Iterator[int]) -> None:
    """Raise InvalidModelFile, naming the key and the token, for tokens that the engine dies of or does not name.

    `bytes_at`: which of the tokens stand for single bytes.
    """
    if tokenizer in _WITHOUT_WORDS:
        return
    if b"" in texts:  # the engine gives each of these a name of its own
        texts = [text or b"[EMPTY_%d]" % at for at, text in enumerate(texts)]
    for at in bytes_at:
        if at < len(texts) and (tokenizer == _WITHOUT_BYTES or len(texts[at]) < _BYTE_PREFIX):
            why = "has none" if tokenizer == _WITHOUT_BYTES else "writes these like <0x0A>"
            text = f"{_shown(texts[at])} at {at} for a byte, but a tokenizer of the kind {tokenizer} {why}"
            raise InvalidModelFile(f'the key "{TOKENS}" has {text}')
    if len(set(texts)) != len(texts):
        first, second = _repeated(texts)
        shown = _shown(texts[second])
        raise InvalidModelFile(f'the key "{TOKENS}" has {shown} twice, at {first} and {second}; each must be another')


def texts_in(body: bytes, count: int) -> list[bytes]:
    """The texts of an array of so many, from its bytes; raises InvalidModelFile where they do not go together."""
    texts: list[bytes] = []
    at, length_at, add = 0, struct.Struct("<Q").unpack_from, texts.append
    try:
        for _ in range(count):  # the hot path: nothing is called that need not be
            (length,) = length_at(body, at)
            at += 8
            add(body[at : at + length])
            at += length
    except (struct.error, OverflowError):
        raise InvalidModelFile("the file changed while it was read") from None
    return texts


def bytes_among(kinds: bytes) -> Iterator[int]:
    """Which tokens stand for single bytes, from the kinds of all as numbers of 32 bits."""
    wanted, size = struct.pack("<i", _BYTE_KIND), struct.calcsize("<i")
    at = kinds.find(wanted)
    while at >= 0:
        if at % size == 0:
            yield at // size
        at = kinds.find(wanted, at + 1)


def _repeated(texts: Sequence[bytes]) -> tuple[int, int]:
    first: dict[bytes, int] = {}
    return next((first[text], at) for at, text in enumerate(texts) if first.setdefault(text, at) != at)


def _shown(text: bytes) -> str:
    shown = text[:_SHOWN_BYTES].decode("utf-8", "backslashreplace")
    return f'the token "{shown}"'


def _read(path: Path, place: range) -> bytes:
    with path.open("rb") as file:
        file.seek(place.start)
        content = file.read(len(place))
    if len(content) != len(place):
        raise InvalidModelFile("the file changed while it was read")
    return content
