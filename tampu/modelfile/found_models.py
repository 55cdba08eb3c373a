"""The models in a folder of GGUF files, and what to call them. Looks at names of files and their first bytes only.

A name comes from where a file lies in a cache of huggingface.co, else from the file's own name: the quantization at its
end is the tag. A file that is called nothing but `model` has the name of its folder. The parts of a split model are one
model. A projector (`mmproj`) belongs to the models beside it that its name speaks of, or to all of them where they are
one model in several quantizations; of several projectors a model has one. Links are followed, each folder is looked at
once.
"""

import os
import re
import stat
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_MAGIC: Final = b"GGUF"
_SHARD: Final = re.compile(r"(.+)-(\d{5})-of-(\d{5})", re.ASCII)
_QUANTIZATION: Final = re.compile(
    r"[-._](?P<tag>(?:UD-)?(?:I?Q[1-8](?:_[A-Z0-9]+)*|TQ[12]_0|BF16|F16|F32|MXFP4(?:_[A-Z]+)*))$",
    re.ASCII | re.IGNORECASE,
)
_HUB_FOLDER: Final = re.compile(r"models--([A-Za-z0-9_][A-Za-z0-9_-]*)--([A-Za-z0-9_][A-Za-z0-9_.-]*)", re.ASCII)
_NO_PART_OF_A_NAME: Final = re.compile(r"[^A-Za-z0-9_.-]+", re.ASCII)
_PROJECTOR_ORDER: Final = {"f16": 0, "q8_0": 1, "bf16": 2, "f32": 3}
"""Half precision is what projectors are tried with, and what every processor computes."""
_NAMELESS: Final = frozenset({"model", "ggml-model", "gguf-model", "weights"})
_LONGEST_PART: Final = 80


@dataclass(frozen=True, slots=True)
class FoundModel:
    """A model to be: its name, and its files, weights first."""

    name: str
    files: tuple[Path, ...]


def _never() -> bool:
    return False


def find_models(folder: Path, *, is_over: Callable[[], bool] = _never) -> list[FoundModel]:
    """Every model below the folder, in order of paths. The same file under several paths counts once.

    A folder may be huge: the search ends with what it has as soon as `is_over` says so.
    """
    files = list(_weights_files(folder, is_over))
    projectors = [path for path in files if "mmproj" in path.name.lower()]
    models: list[FoundModel] = []
    names: set[str] = set()
    groups = _grouped(path for path in files if path not in projectors)
    titles: dict[Path, set[str]] = {}
    for shards in groups:
        titles.setdefault(shards[0].parent, set()).add(_title(shards[0]))
    for shards in groups:
        name = free_name(shards[0], names)
        names.add(name.lower())
        beside = [path for path in projectors if path.parent == shards[0].parent]
        is_alone = len(titles[shards[0].parent]) == 1
        models.append(FoundModel(name, (*shards, *_projector(shards[0], beside, is_alone=is_alone))))
    return models


def _projector(model: Path, beside: Iterable[Path], *, is_alone: bool) -> tuple[Path, ...]:
    """The one projector of a model, if any. `is_alone`: nothing else lies there that it could belong to."""
    fitting = [path for path in beside if is_alone or _speaks_of(_title(path), _title(model))]
    fitting.sort(key=lambda path: (_PROJECTOR_ORDER.get(_quantization(path), len(_PROJECTOR_ORDER)), path.name))
    return tuple(fitting[:1])


def _speaks_of(projector: str, model: str) -> bool:
    return bool(projector) and (projector in model or model in projector)


def _title(path: Path) -> str:
    """A file's name without what tells files of one model apart."""
    stem = _SHARD.sub(r"\1", path.stem)
    found = _QUANTIZATION.search(stem)
    words = re.split(r"[-._]", (stem[: found.start()] if found else stem).lower())
    return "-".join(word for word in words if word and word != "mmproj")


def _quantization(path: Path) -> str:
    found = _QUANTIZATION.search(path.stem)
    return found["tag"].lower() if found else ""


def name_of(path: Path) -> str:
    """The name of the model that a weights file holds."""
    stem = _SHARD.sub(r"\1", path.stem)
    if stem.lower() in _NAMELESS and path.parent.name:
        stem = path.parent.name
    found = _QUANTIZATION.search(stem)
    tag = found["tag"] if found else ""
    for folder in path.parts:
        if repository := _HUB_FOLDER.fullmatch(folder):
            return f"hf.co/{repository[1]}/{repository[2]}:{tag or 'latest'}"
    return f"{_part(stem[: found.start()] if found else stem)}:{tag.lower() or 'latest'}"


def _weights_files(folder: Path, is_over: Callable[[], bool]) -> Iterator[Path]:
    seen: set[Path] = set()
    for place, names in _places(folder):
        if is_over():
            return
        for name in sorted(names):
            path = Path(place, name)
            if not name.lower().endswith(".gguf") or not _begins_like_weights(path):
                continue
            if (real := path.resolve()) not in seen:
                seen.add(real)
                yield path


def _places(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Every folder with the names of its files, links to folders followed but never in a circle."""
    visited: set[tuple[int, int]] = set()
    for place, folders, names in os.walk(folder, followlinks=True):
        try:
            found = Path(place).stat()
        except OSError:  # gone meanwhile
            continue
        if (found.st_dev, found.st_ino) in visited:
            folders.clear()
            continue
        visited.add((found.st_dev, found.st_ino))
        folders.sort()
        yield place, names


def _begins_like_weights(path: Path) -> bool:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return False
        with path.open("rb") as file:
            return file.read(4) == _MAGIC
    except (OSError, RuntimeError):
        return False  # not ours to read, gone, or a link to itself


def _grouped(files: Iterable[Path]) -> list[tuple[Path, ...]]:
    """The parts of each model, in their order; a model in one file is one part."""
    groups: dict[Path, list[Path]] = {}
    for path in files:
        shard = _SHARD.fullmatch(path.stem)
        groups.setdefault(path.with_name(f"{shard[1]}-of-{shard[3]}") if shard else path, []).append(path)
    return [tuple(group) for group in groups.values()]


def free_name(path: Path, taken: Collection[str]) -> str:
    """The model's name; with its folder before it, or a number behind it, where another one has it."""
    name = name_of(path)
    candidates = [name, f"{_part(path.parent.name).replace('.', '-')}/{name}"] if "/" not in name else [name]
    model, _, tag = name.rpartition(":")
    number = 2
    while candidates[0].lower() in taken:
        candidates.pop(0)
        if not candidates:
            candidates.append(f"{model}-{number}:{tag}")
            number += 1
    return candidates[0]


def _part(text: str) -> str:
    """`text` as one part of a name: lower-case, everything else a dash."""
    return _NO_PART_OF_A_NAME.sub("-", text.lower()).strip("-.")[:_LONGEST_PART] or "model"
