"""Claims about published models: planning what the engine gets, computing its numbers, and writing it to memory."""

import asyncio
import shutil
import struct
import subprocess
import tempfile
import time
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import psutil

from benchmarks.measures import Row
from tampu.config import Settings
from tampu.engine.process import start_engine
from tampu.engine.spec import EngineSpec, Placement
from tampu.engine.view import Places, opened
from tampu.engine.view_memory import has_memory_files
from tampu.gguf.reader import read_header
from tampu.gguf.rewrite import WrittenTensor, padding, text_fact, uint32_fact, write_head
from tampu.gguf.translate.numbers import widened
from tampu.gguf.translate.plan import Copied, Given, View
from tampu.gguf.translate.planning import text_view

WORDS: Final = 262_144
BIG_FILE: Final = 2 << 30
TABLE_WIDTH: Final = 256
TURNS: Final = 5
HALVES: Final = 1 << 24
MOST_WIDENING: Final = 25
"""Times as long as a copy; one number after another took a hundred times as long."""
_MEMORY_FOLDER: Final = Path("/dev/shm")  # noqa: S108  # not for files of ours but to compare with
_WIDTH: Final = 32
_SQUARE: Final = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")
_FLAT: Final = ("attn_norm", "ffn_norm", "post_attention_norm", "post_ffw_norm", "attn_q_norm", "attn_k_norm")


def view_rows() -> Iterator[Row]:
    """What it costs that a model comes in another layout than the engine's."""
    with tempfile.TemporaryDirectory() as folder:
        yield _planning_row(Path(folder) / "published.gguf")
        yield _widening_row()
        if has_memory_files():
            yield _memory_row(Path(folder))
        if has_memory_files() and _MEMORY_FOLDER.is_dir():
            yield _writing_row(Path(folder))


def _planning_row(path: Path) -> Row:
    _write_published(path, _WIDTH)
    header = read_header(path)
    taken = []
    for _ in range(TURNS):
        begin = time.perf_counter()
        text_view(path, header)
        taken.append((time.perf_counter() - begin) * 1e3)
    took = min(taken)
    what = "planning the translation of a vocabulary of 262,144 words"
    return Row(what, "", f"{took:.0f} ms", "", "at most 150 ms", took <= 150)


def _widening_row() -> Row:
    """Halves of a projector made numbers of 32 bits, against a copy of as many bytes as come of it; in turn."""
    halves = array("H", range(1 << 16)).tobytes() * (HALVES >> 16)
    copied, ours = [], []
    for _ in range(TURNS):
        begin = time.perf_counter()
        made = widened(halves, "F16")
        ours.append(time.perf_counter() - begin)
        begin = time.perf_counter()
        bytearray(made)
        copied.append(time.perf_counter() - begin)
    what, times = "widening 16 million numbers of a projector", min(ours) / min(copied)
    shown = f"{min(ours) * 1e3:.0f} ms"
    return Row(
        what,
        f"a copy: {min(copied) * 1e3:.0f} ms",
        shown,
        f"{times:.1f}x",
        f"at most {MOST_WIDENING}",
        times <= MOST_WIDENING,
    )


def _memory_row(folder: Path) -> Row:
    """Of the engine that has loaded a view in memory, against one that has loaded the same from a file of its own."""
    stored, plain = folder / "published.gguf", folder / "plain.gguf"
    _write_published(stored, TABLE_WIDTH)
    view = text_view(stored, read_header(stored))
    assert view is not None, "the file is in a published layout"  # noqa: S101  # made so above
    with opened(view, Places(folder=folder, memory_bytes=4 * BIG_FILE)) as made:
        shutil.copyfile(made.path, plain)
        ours = asyncio.run(_resident(made.path))
    usual = asyncio.run(_resident(plain))
    what, share = "memory of the engine with a translated model", ours / usual
    return Row(what, f"{usual / 1e6:.0f} MB", f"{ours / 1e6:.0f} MB", f"{share:.2f}x", "at most 1.1", share <= 1.1)


async def _resident(model: Path) -> int:
    engine = await start_engine(EngineSpec(model_path=model), Placement(num_ctx=256, threads=1), settings=Settings())
    try:
        resident: int = psutil.Process(engine.pid).memory_info().rss
        return resident
    finally:
        await engine.stop()


def _write_published(path: Path, width: int) -> None:
    """A gemma3 of one block as Ollama's converter writes it: it does not tell how its numbers are kept from zero."""
    special = [b"<unk>", b"<s>", *(b"<0x%02X>" % byte for byte in range(256))]
    texts = [*special, *(b"w%08d" % number for number in range(WORDS - len(special)))]
    words = b"".join(struct.pack("<Q", len(text)) + text for text in texts)
    kinds = [2, 3, *[6] * 256, *[1] * (WORDS - len(special))]
    facts = {
        b"general.architecture": text_fact("gemma3"),
        b"tokenizer.ggml.tokens": struct.pack("<IIQ", 9, 8, WORDS) + words,
        b"tokenizer.ggml.scores": struct.pack("<IIQ", 9, 6, WORDS) + bytes(4 * WORDS),
        b"tokenizer.ggml.token_type": struct.pack(f"<IIQ{WORDS}i", 9, 5, WORDS, *kinds),
        b"gemma3.block_count": uint32_fact(1),
        b"gemma3.embedding_length": uint32_fact(width),
        b"gemma3.context_length": uint32_fact(512),
        b"gemma3.feed_forward_length": uint32_fact(width),
        b"gemma3.attention.head_count": uint32_fact(1),
        b"gemma3.attention.head_count_kv": uint32_fact(1),
        b"gemma3.attention.key_length": uint32_fact(width),
        b"gemma3.attention.value_length": uint32_fact(width),
        b"gemma3.attention.sliding_window": uint32_fact(64),
        b"tokenizer.ggml.model": text_fact("llama"),
        b"tokenizer.ggml.bos_token_id": uint32_fact(1),
    }
    shapes = {
        **{f"blk.0.{name}.weight": (width, width) for name in _SQUARE},
        **{f"blk.0.{name}.weight": (width,) for name in _FLAT},
        "output_norm.weight": (width,),
        "token_embd.weight": (width, WORDS),
    }
    tensors = [WrittenTensor(name, shape, 0, 4 * shape[0] * (*shape, 1)[1]) for name, shape in shapes.items()]
    with path.open("wb") as file:
        file.write(write_head(facts, tensors, 32))
        file.truncate(file.tell() + sum(each.nbytes + padding(each.nbytes, 32) for each in tensors))


def _writing_row(folder: Path) -> Row:
    """Against `cp` into a file system in memory, from pages that are in memory by then; in turn, the best of each."""
    source = folder / "big"
    with source.open("wb") as file:
        for _ in range(BIG_FILE >> 20):
            file.write(bytes(1 << 20))
    view = View((source,), (Given(bytes(5000)), Copied(904, BIG_FILE - 904)), BIG_FILE)
    places = Places(folder=folder, memory_bytes=4 * BIG_FILE)
    program = shutil.which("cp") or "/bin/cp"
    copied, ours = [], []
    for _ in range(TURNS):
        with tempfile.TemporaryDirectory(dir=_MEMORY_FOLDER) as target:
            begin = time.perf_counter()
            subprocess.run([program, source, f"{target}/big"], check=True)
            copied.append(time.perf_counter() - begin)
        begin = time.perf_counter()
        with opened(view, places):
            ours.append(time.perf_counter() - begin)
    a, b = (BIG_FILE / min(times) / 1e6 for times in (copied, ours))
    what = "writing a view to memory"
    return Row(what, f"cp: {a:.0f} MB/s", f"{b:.0f} MB/s", f"{b / a:.2f}x", "at least 0.7", b / a >= 0.7)
