"""Tokens of which an engine dies are refused in words; all others pass."""

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tampu.errors import InvalidModelFile
from tampu.gguf.reader import read_header
from tampu.gguf.rewrite import text_fact, write_head
from tampu.gguf.vocabulary import KINDS, TOKENS, bytes_among, check_stored_vocabulary, check_vocabulary, texts_in

NORMAL, BYTE = 1, 6


def written(texts: list[bytes]) -> bytes:
    return b"".join(struct.pack("<Q", len(text)) + text for text in texts)


def stored(folder: Path, texts: list[bytes], kinds: list[int] | None = None, tokenizer: str = "llama") -> Path:
    facts = {
        b"general.architecture": text_fact("llama"),
        b"tokenizer.ggml.model": text_fact(tokenizer),
        TOKENS.encode(): struct.pack("<IIQ", 9, 8, len(texts)) + written(texts),
    }
    if kinds is not None:
        facts[KINDS.encode()] = struct.pack(f"<IIQ{len(kinds)}i", 9, 5, len(kinds), *kinds)
    path = folder / "m.gguf"
    path.write_bytes(write_head(facts, [], 32))
    return path


def refusal(path: Path) -> str:
    with pytest.raises(InvalidModelFile) as refused:
        check_stored_vocabulary(path, read_header(path))
    return refused.value.message


@given(st.lists(st.binary(max_size=6), max_size=40))
def test_a_vocabulary_is_refused_where_a_token_is_there_twice_and_only_there(texts: list[bytes]) -> None:
    assert texts_in(written(texts), len(texts)) == texts
    full = [text for text in texts if text]
    if len(set(full)) == len(full):
        check_vocabulary("gpt2", texts, iter(()))
    else:
        with pytest.raises(InvalidModelFile, match="twice"):
            check_vocabulary("gpt2", texts, iter(()))


def test_a_token_that_is_there_twice_is_named_with_its_places(tmp_path: Path) -> None:
    message = refusal(stored(tmp_path, [b"a", b"b" * 300, b"c", b"b" * 300]))
    assert TOKENS in message
    assert f'"{"b" * 60}" twice, at 1 and 3' in message


def test_one_that_has_the_name_that_an_empty_one_gets_is_refused() -> None:
    check_vocabulary("gpt2", [b"", b"", b"[EMPTY_7]"], iter(()))
    with pytest.raises(InvalidModelFile, match="at 0 and 2"):
        check_vocabulary("gpt2", [b"", b"", b"[EMPTY_0]"], iter(()))


@pytest.mark.parametrize("count", [3, 3000])
def test_a_byte_that_is_not_written_as_one_is_named(count: int, tmp_path: Path) -> None:
    texts = [b"%d-%d" % (at, at) for at in range(count)]
    kinds = [NORMAL] * (count - 1) + [BYTE]
    check_stored_vocabulary(path := stored(tmp_path, [*texts[:-1], b"<0x0A>"], kinds), read_header(path))
    message = refusal(stored(tmp_path, [*texts[:-1], b"\xff"], kinds))
    assert f'"\\xff" at {count - 1} for a byte' in message
    assert "has none" in refusal(stored(tmp_path, [*texts[:-1], b"<0x0A>"], kinds, "bert"))


def test_kinds_are_found_where_they_begin() -> None:
    numbers = [6, 6 << 8, 1, 6 << 16, 6, 6 << 24]
    assert list(bytes_among(struct.pack("<6i", *numbers))) == [0, 4]


def test_a_file_that_was_cut_since_is_an_error_in_words(tmp_path: Path) -> None:
    path = stored(tmp_path, [b"a" * 100, b"b" * 100])
    header = read_header(path)
    path.write_bytes(path.read_bytes()[:120])
    with pytest.raises(InvalidModelFile, match="changed while it was read"):
        check_stored_vocabulary(path, header)


def test_what_is_no_list_of_texts_is_left_to_the_engine(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(write_head({TOKENS.encode(): struct.pack("<IIQ3I", 9, 4, 3, 1, 1, 1)}, [], 32))
    check_stored_vocabulary(path, read_header(path))


def test_tokens_without_a_text_have_a_name_before_they_are_judged():
    check_vocabulary("gpt2", [b"", b"a", b""], iter((0,)))


@pytest.mark.parametrize("tokenizer", ["none", "no_vocab"])
def test_tokens_that_no_engine_reads_may_be_anything(tokenizer):
    check_vocabulary(tokenizer, [b"a", b"a"], iter(()))
