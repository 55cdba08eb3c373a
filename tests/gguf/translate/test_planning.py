"""What is planned for published files: valid files of their own, made of long runs of the stored ones."""

import struct
import time
from pathlib import Path

import gguf
import pytest

from tampu.gguf.reader import read_header
from tampu.gguf.soundness import problems
from tampu.gguf.translate.plan import Copied
from tampu.gguf.translate.planning import BLOCK, projector_view, text_view
from tests.published import NAMES, NATIVE, views_of, written

TRANSLATED = [name for name in NAMES if any(views_of(name))]


@pytest.mark.parametrize("name", TRANSLATED)
def test_views_are_sound_files_and_are_not_translated_again(name: str, tmp_path: Path) -> None:
    for number, view in enumerate(view for view in views_of(name) if view is not None):
        path = written(view, tmp_path / f"{number}.gguf")
        header = read_header(path)
        assert list(problems(header)) == []
        assert path.stat().st_size == view.nbytes
        assert sum(tensor.nbytes for tensor in header.tensors) == view.weights_bytes
        expected = 0
        for tensor in header.tensors:  # no gaps, in the order of the table
            assert tensor.offset == expected
            expected += tensor.nbytes + -tensor.nbytes % header.alignment
        assert text_view(path, header) is None
        assert projector_view(path, header) is None
        assert len(gguf.GGUFReader(path).tensors) == len(header.tensors)


@pytest.mark.parametrize("name", NATIVE)
def test_what_the_engine_reads_is_left_alone(name: str) -> None:
    assert views_of(name) == (None, None)


@pytest.mark.parametrize("name", TRANSLATED)
def test_what_is_copied_lies_in_blocks_as_it_did(name: str) -> None:
    for view in views_of(name):
        if view is not None and isinstance(view.pieces[1], Copied):
            assert view.pieces[0].nbytes % BLOCK == view.pieces[1].start % BLOCK


@pytest.mark.parametrize("name", TRANSLATED)
def test_a_text_is_nearly_all_copied_in_a_few_runs(name: str) -> None:
    text, _ = views_of(name)
    if text is not None:
        assert len(text.pieces) <= 4


def test_a_large_vocabulary_is_planned_quickly(tmp_path: Path) -> None:
    path = tmp_path / "large.gguf"
    writer = gguf.GGUFWriter(path, "gptoss")
    writer.add_uint32("gptoss.block_count", 1)
    writer.add_uint32("gptoss.embedding_length", 32)
    writer.add_uint32("gptoss.context_length", 512)
    for name in ("head_count", "head_count_kv"):
        writer.add_uint32(f"gptoss.attention.{name}", 1)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    tokens = b"".join(struct.pack("<Q", 7) + b"%07d" % number for number in range(260_000))
    key = b"tokenizer.ggml.tokens"
    fact = struct.pack("<Q", len(key)) + key + struct.pack("<IIQ", 9, 8, 260_000) + tokens
    head = bytearray(path.read_bytes())
    head[16:24] = struct.pack("<Q", struct.unpack_from("<Q", head, 16)[0] + 1)
    path.write_bytes(_with_fact(bytes(head), fact))
    header = read_header(path)
    took = []
    for _ in range(3):
        start = time.process_time()
        text_view(path, header)
        took.append(time.process_time() - start)
    assert min(took) < 0.15


def _with_fact(head: bytes, fact: bytes) -> bytes:
    """The head of a file without tensors with one more fact at its beginning."""
    return head[:24] + fact + head[24:] + bytes(64)
