"""Ollama writes uploaded weights anew, we keep them: what it would have stored, so that both answers can be compared.

The rewrite is fixed byte by byte, so it is made here, and our answers are told in its terms: its digests and sizes, the
digest of the manifest that names it, its order of tensors and its two more facts. What agrees then is proved to agree:
a manifest's digest holds only if every other byte of the manifest, and so of every other layer, is the recorded one.
"""

import hashlib
import json
import re
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from gguf import GGML_QUANT_SIZES, GGMLQuantizationType

ALIGNMENT: Final = 32
MODEL_LAYER: Final = "application/vnd.ollama.image.model"
_STRING, _ARRAY, _UINT32 = 8, 9, 4
_SIZES: Final = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_APPENDED: Final = ("general.quantization_version", "general.file_type")
_GUESSED: Final = 1024
"""Added to a type of file that was told from the tensors."""
_F16 = 1
"""The number of the type, of a tensor and of a file."""
_BLOCK: Final = re.compile(r"blk\.(\d+)\.")
_KEPT_BY_OLLAMA: Final = ("a.", "mm.", "mtp.", "s.", "v.")
"""A file with such tensors is stored as it came."""
_WEIGHTS_LINE: Final = re.compile(r"^FROM \S*sha256-([0-9a-f]{64})$", re.MULTILINE)


@dataclass(frozen=True)
class _Tensor:
    name: str
    shape: tuple[int, ...]
    type: int
    data: bytes

    @property
    def rank(self) -> tuple[int, bytes]:
        """Those outside of blocks first, then block by block; by name."""
        block = _BLOCK.match(self.name)
        return (int(block[1]) if block else -1, self.name.encode())


@dataclass(frozen=True)
class _File:
    facts: dict[str, bytes]
    """Each key with its type and value as they are written."""
    tensors: tuple[_Tensor, ...]


@dataclass(frozen=True)
class Rewritten:
    """What Ollama would store for weights that we keep."""

    digest: str
    size: int
    added: dict[str, int]
    tensors: tuple[str, ...]
    """Names, in their order."""


class _Reader:
    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data, self.at = data, at

    def take(self, count: int) -> bytes:
        self.at += count
        return self.data[self.at - count : self.at]

    def number(self, code: str) -> int:
        return int(struct.unpack(f"<{code}", self.take(struct.calcsize(f"<{code}")))[0])

    def text(self) -> str:
        return self.take(self.number("Q")).decode()

    def value(self) -> bytes:
        """A value with its type before it."""
        start = self.at
        self._skip(self.number("I"))
        return self.data[start : self.at]

    def _skip(self, kind: int) -> None:
        if kind == _STRING:
            self.text()
        elif kind == _ARRAY:
            item, count = self.number("I"), self.number("Q")
            for _ in range(count):
                self._skip(item)
        else:
            self.take(_SIZES[kind])


def _read(data: bytes) -> _File:
    """A sound file of the recordings: none is checked."""
    reader = _Reader(data, 8)
    tensor_count, fact_count = reader.number("Q"), reader.number("Q")
    facts = {reader.text(): reader.value() for _ in range(fact_count)}
    heads = []
    for _ in range(tensor_count):
        name, dimensions = reader.text(), reader.number("I")
        shape = tuple(reader.number("Q") for _ in range(dimensions))
        heads.append((name, shape, reader.number("I"), reader.number("Q")))
    start = _padded(reader.at)
    return _File(facts, tuple(_Tensor(*head[:3], data[start + head[3] :][: _bytes_of(head)]) for head in heads))


def _bytes_of(head: tuple[str, tuple[int, ...], int, int]) -> int:
    items, size = GGML_QUANT_SIZES[GGMLQuantizationType(head[2])]
    count = 1
    for length in head[1]:
        count *= length
    return count // items * size


def _padded(length: int) -> int:
    return -(-length // ALIGNMENT) * ALIGNMENT


def _joined(data: Sequence[bytes]) -> bytes:
    """The files of one model as Ollama stores them: one file."""
    files = [_read(each) for each in data]
    tensors = sorted((tensor for file in files for tensor in file.tensors), key=lambda tensor: tensor.rank)
    facts = {
        key: value for key, value in files[0].facts.items() if key not in _APPENDED and not key.startswith("split.")
    }
    for key, number in _added(files[0], tensors).items():
        facts[key] = struct.pack("<II", _UINT32, number)
    head = [b"GGUF", struct.pack("<IQQ", 3, len(tensors), len(facts))]
    head += [_text(key) + value for key, value in facts.items()]
    offset, body = 0, b""
    for tensor in tensors:
        shape = struct.pack(f"<I{len(tensor.shape)}Q", len(tensor.shape), *tensor.shape)
        head.append(_text(tensor.name) + shape + struct.pack("<IQ", tensor.type, offset))
        body += tensor.data.ljust(_padded(len(tensor.data)), b"\0")
        offset = len(body)
    header = b"".join(head)
    return header.ljust(_padded(len(header)), b"\0") + body


def _added(file: _File, tensors: Iterable[_Tensor]) -> dict[str, int]:
    said = file.facts.get("general.file_type")
    guess = _GUESSED + (_F16 if any(tensor.type == _F16 for tensor in tensors) else 0)
    return {
        "general.quantization_version": 2,
        "general.file_type": struct.unpack("<II", said)[1] if said else guess,
    }


def _text(text: str) -> bytes:
    return struct.pack("<Q", len(text.encode())) + text.encode()


class Terms:
    """Tells answers of a server of ours as they would be if it had stored what Ollama stores."""

    def __init__(self, models: Path) -> None:
        self._models = models

    def ask(self, step: Mapping[str, Any]) -> Mapping[str, Any]:
        """The step as it is to be asked."""
        return step

    def tell(self, got: dict[str, Any]) -> dict[str, Any]:
        """The answer in Ollama's terms; itself where it says nothing of weights."""
        match got.get("body"):
            case {"models": list(entries)} as body:
                body = {**body, "models": [self._listed(entry) for entry in entries]}
            case {"modelfile": str(text)} as body if weights := _WEIGHTS_LINE.search(text):
                body = self._shown(body, weights[1])
            case _:
                return got
        return {**got, "body": body}

    def _listed(self, entry: dict[str, Any]) -> dict[str, Any]:
        digest = entry["digest"]
        for content in self._manifests():
            if hashlib.sha256(content).hexdigest() == digest:
                told = self._told(json.loads(content))
                plain = json.dumps(told, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
                size = sum(layer["size"] for layer in (*(told["layers"] or ()), told["config"]))
                # `ps` gives what a model takes in memory, which no manifest says.
                sizes = {"size": size} if "expires_at" not in entry else {}
                return {**entry, **sizes, "digest": hashlib.sha256(plain).hexdigest()}
        return entry

    def _manifests(self) -> Iterator[bytes]:
        return (path.read_bytes() for path in (self._models / "manifests").rglob("*") if path.is_file())

    def _told(self, manifest: dict[str, Any]) -> dict[str, Any]:
        layers: list[dict[str, Any]] = []
        for group in _groups(manifest["layers"] or []):
            layer = group[0]
            if layer["mediaType"] == MODEL_LAYER and (rewritten := self._rewritten(group)):
                layer = {**layer, "digest": f"sha256:{rewritten.digest}", "size": rewritten.size}
                layer.pop("name", None)
            layers.append(layer)
        # A stub has no list of layers, not an empty one.
        return {**manifest, "layers": layers or manifest["layers"]}

    def _shown(self, body: dict[str, Any], weights: str) -> dict[str, Any]:
        group = self._group_with(weights)
        rewritten = self._rewritten(group)
        if rewritten is None:
            return body
        told = {
            **body,
            "modelfile": _WEIGHTS_LINE.sub(
                lambda line: line[0].replace(weights, rewritten.digest), body["modelfile"], 1
            ),
        }
        if "model_info" in body:
            told["model_info"] = {**body["model_info"], **rewritten.added}
        if "tensors" in body:
            told["tensors"] = sorted(body["tensors"], key=lambda tensor: rewritten.tensors.index(tensor["name"]))
        return told

    def _group_with(self, weights: str) -> list[dict[str, Any]]:
        """The layers of the model whose first one has this digest."""
        wanted = f"sha256:{weights}"
        for content in self._manifests():
            for group in _groups(json.loads(content)["layers"] or []):
                if group[0]["digest"] == wanted and group[0]["mediaType"] == MODEL_LAYER:
                    return group
        return []

    def _rewritten(self, group: Sequence[dict[str, Any]]) -> Rewritten | None:
        """What Ollama makes of these layers; None for what it keeps."""
        paths = [self._models / "blobs" / layer["digest"].replace(":", "-") for layer in group]
        return _rewrite(tuple(path.read_bytes() for path in paths)) if all(path.exists() for path in paths) else None


def _groups(layers: Iterable[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Each layer alone, but for the parts of weights that are split, which have names."""
    groups: list[list[dict[str, Any]]] = []
    for layer in layers:
        if layer.get("name") and groups and groups[-1][0].get("name"):
            groups[-1].append(layer)
        else:
            groups.append([layer])
    return groups


@cache
def _rewrite(data: tuple[bytes, ...]) -> Rewritten | None:
    if not data or any(tensor.name.startswith(_KEPT_BY_OLLAMA) for each in data for tensor in _read(each).tensors):
        return None
    content = _joined(data)
    file = _read(content)
    return Rewritten(
        hashlib.sha256(content).hexdigest(),
        len(content),
        _added(file, file.tensors),
        tuple(tensor.name for tensor in file.tensors),
    )
