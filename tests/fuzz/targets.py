"""What is fuzzed: functions that take any bytes, and fail where a reader of untrusted bytes breaks its word.

A reader may refuse, with the errors of its contract. Everything else that it raises is a finding, and so is a value
that does not keep what its type promises. Time and memory are watched by the fuzzer.
"""

import atexit
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tampu.errors import BadRequest, CorruptManifest, InvalidModelFile
from tampu.gguf.footprint import footprint
from tampu.gguf.header import Header
from tampu.gguf.metadata import facts_of
from tampu.gguf.reader import read_header
from tampu.gguf.soundness import problems
from tampu.modelfile.parameters import parameters
from tampu.modelfile.parse import parse_modelfile
from tampu.modelfile.write import write_modelfile
from tampu.names import ModelName, ModelReference
from tampu.store.layout import Layout
from tampu.store.manifests import decode_manifest, encode_manifest, layers_of
from tests.fakes.gguf_files import GgufFile, Tensor, small_model
from tests.recordings import recorded_bytes, recording

NAME = ModelName.parse("m")
LAYOUT = Layout(Path("/models"))


@dataclass(frozen=True)
class Target:
    """A function to fuzz, inputs to begin with, and the words that its grammar knows."""

    run: Callable[[bytes], None]
    seeds: Callable[[], Sequence[bytes]]
    words: Sequence[bytes]
    longest: int


# --- GGUF ------------------------------------------------------------------------------------------------------------


@cache
def _place() -> Path:
    """A file in memory, where there is such a folder: the reader takes paths."""
    shared = Path("/dev/shm")
    folder = tempfile.mkdtemp(prefix="tampu-fuzz-", dir=shared if shared.is_dir() else None)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder) / "fuzzed.gguf"


def run_gguf(data: bytes) -> None:
    path = _place()
    path.write_bytes(data)
    headers = [_header(path, arrays=arrays) for arrays in (False, True)]
    assert (headers[0] is None) == (headers[1] is None) or headers[0], "stepping over arrays refuses more than reading"
    for header in filter(None, headers):
        _check_header(header, len(data))


def _header(path: Path, *, arrays: bool) -> Header | None:
    try:
        return read_header(path, arrays=arrays)
    except InvalidModelFile:
        return None


def _check_header(header: Header, file_bytes: int) -> None:
    assert header.file_bytes == file_bytes
    for tensor in header.tensors:
        assert 0 <= tensor.nbytes <= file_bytes
        assert header.data_offset + tensor.offset + tensor.nbytes <= file_bytes
    assert facts_of(header).parameter_count >= 0
    assert footprint(header).kv_bytes_per_token >= 0
    assert all(problems(header))


def seeds_gguf() -> list[bytes]:
    malformed = [recorded_bytes(f"gguf/{case['file']}") for case in recording("gguf/malformed.json")]
    words = GgufFile(
        metadata=[("general.architecture", "x"), ("x.list", [1, 2, 3]), ("x.words", ["a", "b"]), ("x.f", 0.5)],
        tensors=[Tensor("a", (4, 2)), Tensor("b", (32,), type=2, nbytes=18)],
    )
    big = GgufFile(magic=b"FUGG", order=">", metadata=[("a.n", 5)], tensors=[Tensor("t", (8,))])
    return [*malformed, small_model().build(), words.build(), big.build(), b"GGUF", b""]


# --- Modelfiles ------------------------------------------------------------------------------------------------------


def run_modelfile(data: bytes) -> None:
    try:
        modelfile = parse_modelfile(data)
    except BadRequest:
        return
    read = parse_modelfile(write_modelfile(modelfile.instructions).encode())
    assert [(each.kind, each.args) for each in read.instructions] == [
        (each.kind, each.args) for each in modelfile.instructions
    ]
    try:
        parameters(modelfile)
    except BadRequest:
        return


def seeds_modelfile() -> list[bytes]:
    texts = (
        "FROM llama3\nPARAMETER stop a\nPARAMETER temperature 0.5\nSYSTEM brief\nMESSAGE user hi\nREQUIRES v0.14.0\n",
        'FROM ./m.gguf\n# why\nTEMPLATE """{{ .Prompt }}\n"""\nLICENSE "one"\nADAPTER ./a.gguf\nDRAFT d\n',
        'from x\r\nRENDERER r\r\nPARSER p\r\nMESSAGE assistant """a\nb"""\r\n',
    )
    return [*(text.encode() for text in texts), texts[0].encode("utf-16"), b"\xef\xbb\xbfFROM x"]


# --- manifests and names ---------------------------------------------------------------------------------------------


def run_manifest(data: bytes) -> None:
    try:
        manifest = decode_manifest(data, NAME)
    except CorruptManifest:
        return
    assert decode_manifest(encode_manifest(manifest), NAME) == manifest
    for layer in layers_of(manifest):
        try:
            assert LAYOUT.blob(layer.digest).parent == LAYOUT.blobs
        except BadRequest:
            continue


def seeds_manifest() -> list[bytes]:
    trees = [case["tree"] for case in recording("store/disk.json")["cases"]]
    texts = {entry.get("text", "") for tree in trees for entry in tree}
    return [*sorted(text.encode() for text in texts if text.startswith('{"schemaVersion"'))[:8], b"{}", b"null"]


def run_name(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    for parse in (ModelName.parse, lambda text: ModelReference.parse(text).stored_name):
        try:
            name = parse(text)
        except BadRequest:
            continue
        assert ModelName.parse(name.full) == name
        assert ModelName.parse(name.short) == name
        path = LAYOUT.manifest(name)
        assert path.relative_to(LAYOUT.manifests).parts == name.parts
        assert not {"..", "."} & set(name.parts)
        assert not set("\0\\") & set(str(path))


def seeds_name() -> list[bytes]:
    names = (
        "llama3 llama3:8b ns/m:t h.test:5000/ns/m:t hf.co/org/repo:Q4_K_M modelscope.cn/a/b m:cloud m@sha256:00 ../x"
    )
    return [name.encode() for name in names.split()]


TARGETS = {
    "gguf": Target(
        run_gguf,
        seeds_gguf,
        [
            b"GGUF",
            b"FUGG",
            b"general.alignment",
            b"general.architecture",
            b"split.count",
            bytes(7) + b"\x80",
            b"\xff" * 8,
        ],
        4096,
    ),
    "modelfile": Target(
        run_modelfile,
        seeds_modelfile,
        [b"FROM ", b'"""', b"PARAMETER ", b"MESSAGE ", b"user ", b"\r\n", b"#", b"\xe2\x81\xa0", b"num_ctx ", b"stop "],
        1024,
    ),
    "manifest": Target(
        run_manifest,
        seeds_manifest,
        [b'"digest"', b'"layers"', b'"config"', b'"size"', b"sha256:", b"null", b"1e9"],
        2048,
    ),
    "name": Target(
        run_name, seeds_name, [b"..", b"/", b":", b"@sha256:", b"-", b"hf.co/", b"https://", b":cloud"], 512
    ),
}
