"""Claims about the store: lists, headers, hashing, and what a warm request leaves alone."""

import hashlib
import struct
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import anyio

from benchmarks.file_calls import touched_files, why_not
from benchmarks.measures import Row
from benchmarks.programs import MODEL, get, post, tampu_server, weights
from tampu.gguf.reader import read_header
from tampu.names import ModelName
from tampu.store import go_json
from tampu.store.draft import config_fields
from tampu.store.hashing import hash_steps
from tampu.store.layout import Layout
from tampu.store.manifests import encode_manifest
from tampu.store.model import CONFIG_TYPE, LAYER_PREFIX, Layer, Manifest, ModelConfig

MODELS = 1000
WORDS = 262_144
"""Words in the largest vocabularies that are common, Gemma's."""
BIG_FILE = 1 << 29
WARM_REQUESTS = 20


def store_rows() -> Iterator[Row]:
    """Everything that needs no comparison with an engine."""
    with tempfile.TemporaryDirectory() as folder:
        yield from _list_rows(Path(folder) / "models")
        yield _header_row("header of a vocabulary of 262,144 words", _large_vocabulary(Path(folder) / "large.gguf"))
        yield from _hash_rows(Path(folder) / "big.gguf")
    with tampu_server() as ours:
        path = weights(ours.port)
        yield _header_row(f"header of {MODEL}", path)
        yield _warm_row(ours.port, ours.process.pid)


def _best_ms(work: Callable[[], object], times: int = 11) -> float:
    """The best of some turns: there is no other side here that a busy machine would slow down as well."""
    taken = []
    for _ in range(times):
        begin = time.perf_counter()
        work()
        taken.append((time.perf_counter() - begin) * 1e3)
    return min(taken)


# --- lists -----------------------------------------------------------------------------------------------------------


def _list_rows(folder: Path) -> Iterator[Row]:
    _fill(folder)
    with tampu_server(OLLAMA_MODELS=str(folder)) as ours:
        cold = _best_ms(lambda: get(ours.port, "/api/tags"), times=1)
        warm = _best_ms(lambda: get(ours.port, "/api/tags"))
    yield Row(f"list {MODELS} models, the first time", "", f"{cold:.0f} ms", "")
    yield Row(f"list {MODELS} models, warm", "", f"{warm:.0f} ms", "", "at most 100 ms", warm <= 100)


def _fill(folder: Path) -> None:
    """Models that share no layer but their weights, as people have them who try many prompts."""
    layout = Layout(folder)
    layout.blobs.mkdir(parents=True)
    model = _layer(layout, f"{LAYER_PREFIX}model", _gguf({"general.architecture": "llama"}))
    for number in range(MODELS):
        config = ModelConfig(model_format="gguf", model_family="llama", model_type="1B", file_type=f"Q{number}")
        template = _layer(layout, f"{LAYER_PREFIX}template", f"{{{{ .Prompt }}}} {number}".encode())
        stored = _layer(layout, CONFIG_TYPE, go_json.encode(config_fields(config)))
        path = layout.manifest(ModelName.parse(f"team{number % 10}/model{number}"))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode_manifest(Manifest(config=stored, layers=(model, template))))


def _layer(layout: Layout, media_type: str, content: bytes) -> Layer:
    """A stored blob. Written plainly: a thousand durable writes are not what is measured."""
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    layout.blob(digest).write_bytes(content)
    return Layer(media_type, digest, len(content))


# --- headers ---------------------------------------------------------------------------------------------------------


def _header_row(what: str, path: Path) -> Row:
    took = _best_ms(lambda: read_header(path))
    return Row(what, "", f"{took:.0f} ms", "", "at most 50 ms", took <= 50)


def _large_vocabulary(path: Path) -> Path:
    words = b"".join(_text(f"\u2581word{number}") for number in range(WORDS))
    scores, kinds = bytes(4 * WORDS), bytes(4 * WORDS)
    arrays = {"tokens": (8, words), "scores": (6, scores), "token_type": (5, kinds)}
    fields = {
        f"tokenizer.ggml.{key}": struct.pack("<IIQ", 9, kind, WORDS) + items for key, (kind, items) in arrays.items()
    }
    path.write_bytes(_gguf({"general.architecture": "gemma3"}, fields))
    return path


def _gguf(texts: dict[str, str], fields: dict[str, bytes] | None = None) -> bytes:
    """A header without tensors. `fields`: encoded values, their types in front."""
    values = {**{key: struct.pack("<I", 8) + _text(text) for key, text in texts.items()}, **(fields or {})}
    head = b"GGUF" + struct.pack("<IQQ", 3, 0, len(values))
    return head + b"".join(_text(key) + value for key, value in values.items()) + bytes(32)


def _text(text: str) -> bytes:
    content = text.encode()
    return struct.pack("<Q", len(content)) + content


# --- hashing ---------------------------------------------------------------------------------------------------------


def _hash_rows(path: Path) -> Iterator[Row]:
    """Against sha256 alone on the same file, which lies in memory by then: the best of five each, in turn."""
    with path.open("wb") as file:
        for _ in range(BIG_FILE >> 20):
            file.write(bytes(1 << 20))
    plain, ours, gaps = [], [], []
    for _ in range(5):
        begin = time.perf_counter()
        with path.open("rb") as file:
            hashlib.file_digest(file, "sha256")
        plain.append(time.perf_counter() - begin)
        begin = time.perf_counter()
        anyio.run(_hash, path)
        ours.append(time.perf_counter() - begin)
        gaps.append(anyio.run(_hash_and_tick, path))
    a, b = (BIG_FILE / min(times) / 1e6 for times in (plain, ours))
    yield Row(
        "hashing an import", f"sha256: {a:.0f} MB/s", f"{b:.0f} MB/s", f"{b / a:.2f}x", "at least 0.9", b / a >= 0.9
    )
    gap = min(gaps)
    yield Row("wait of the event loop meanwhile, 99th percentile", "", f"{gap:.1f} ms", "", "at most 5 ms", gap <= 5)
    stopped = anyio.run(_cancel, path)
    yield Row("stopping it half way", "", f"{stopped:.0f} ms", "", "at most 100 ms", stopped <= 100)


async def _hash(path: Path) -> None:
    async for _ in hash_steps(path):
        pass


async def _hash_and_tick(path: Path) -> float:
    """The milliseconds for which a task that ticks meanwhile was late, all but the worst hundredth of times."""
    late_ms = list[float]()

    async def tick() -> None:
        while True:
            due = time.perf_counter() + 0.001
            await anyio.sleep(0.001)
            late_ms.append((time.perf_counter() - due) * 1e3)

    async with anyio.create_task_group() as group:
        group.start_soon(tick)
        await _hash(path)
        group.cancel_scope.cancel()
    return sorted(late_ms)[int(len(late_ms) * 0.99)]


async def _cancel(path: Path) -> float:
    """Milliseconds from the wish to stop until nothing works any more."""
    begin = 0.0
    with anyio.CancelScope() as scope:
        async for step in hash_steps(path):
            if step.done >= BIG_FILE // 2 and not begin:
                begin = time.perf_counter()
                scope.cancel()
    return (time.perf_counter() - begin) * 1e3


# --- warm requests ---------------------------------------------------------------------------------------------------


def _warm_row(port: int, pid: int) -> Row:
    """Requests that follow one another at once, as the turns of an agent do."""
    what = f"calls on files in {WARM_REQUESTS} warm chat requests"
    if reason := why_not():
        return Row(what, "", reason, "")
    message = {"role": "user", "content": "hi"}
    body = {"model": MODEL, "messages": [message], "stream": False, "options": {"num_predict": 1}}
    post(port, "/api/chat", body)
    try:
        with touched_files(pid) as touched:
            post(port, "/api/chat", body)  # after a pause of two seconds what is known is looked at again
            touched.forget()
            for _ in range(WARM_REQUESTS):
                post(port, "/api/chat", body)
    except OSError as error:
        return Row(what, "", str(error), "")
    return Row(what, "", str(len(touched.lines)), "", "none", not touched.lines)
