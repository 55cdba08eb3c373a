"""Which files a path in a Modelfile stands for: the path itself, or the parts of a model that lie in a folder."""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from glob import glob
from pathlib import Path
from typing import Final

from tampu.errors import InvalidModelfile

NO_FILES: Final = "no Modelfile or safetensors files found"
_CACHE_HINT: Final = "Use --local-dir <dir> when downloading model to disable caching"

_ZIP, _OCTETS, _TEXT = "application/zip", "application/octet-stream", "text/plain; charset=utf-8"
_SNIFFED_BYTES: Final = 512
_SIGNATURES: Final[tuple[tuple[bytes, str], ...]] = (
    (b"\xfe\xff", "text/plain; charset=utf-16be"),
    (b"\xff\xfe", "text/plain; charset=utf-16le"),
    (b"\xef\xbb\xbf", _TEXT),
    (b"PK\x03\x04", _ZIP),
    (b"\x1f\x8b\x08", "application/x-gzip"),
    (b"%PDF-", "application/pdf"),
)
_WILDCARD: Final = re.compile(r"[*?\[]")
_PART: Final = re.compile(r"(?P<model>.+)-\d{5}-(?P<count>of-\d{5})\.gguf", re.ASCII | re.DOTALL)
# Bytes that no text has: controls but for tab, line ends, form feed and escape.
_BINARY: Final = frozenset(range(0x20)) - {0x09, 0x0A, 0x0C, 0x0D, 0x1B}


@dataclass(frozen=True, slots=True)
class _Group:
    """Names of weights files of one kind, and the type that all of them must have."""

    patterns: tuple[str, ...]
    type: str | None = None


# The first group with a file in the folder gives the weights.
_GROUPS: Final = (
    _Group(("model*.safetensors", "*/model*.safetensors")),
    _Group(("consolidated*.safetensors",)),
    _Group(("pytorch_model*.bin",), _ZIP),
    _Group(("consolidated*.pth",), _ZIP),
    _Group(("*.gguf",), _OCTETS),
    _Group(("*.bin",), _OCTETS),
)


def locate(argument: str, base_folder: Path) -> Path:
    """The path that an argument names, absolute and with `~` expanded; it need not exist."""
    return Path(base_folder, _expanded(argument)).absolute()


def _expanded(argument: str) -> Path:
    try:
        return Path(argument).expanduser()
    except RuntimeError:  # `~user` of a user who has no home
        return Path(argument)


def resolve(argument: str, base_folder: Path) -> Path | None:
    """The path that an argument names if something is there; None for what can only be a model's name."""
    if not argument:
        return None
    path = locate(argument, base_folder)
    try:
        return path if path.exists() else None
    except (OSError, ValueError):  # a name too long for a file, or one with a NUL
        return None


def resolve_all(argument: str, base_folder: Path) -> list[Path]:
    """As `resolve`, but a pattern (`./model-*.gguf`) stands for all that it matches; empty for a model's name.

    Raises InvalidModelfile for a pattern that matches nothing.
    """
    path = resolve(argument, base_folder)
    if path is not None or not _WILDCARD.search(argument):
        return [path] if path is not None else []
    found = glob(str(_expanded(argument)), root_dir=base_folder)  # noqa: PTH207  # it may begin at the root
    if not found:
        raise InvalidModelfile(f"no file matches {argument}")
    return sorted(Path(base_folder, each).absolute() for each in found)


def files_of(path: Path) -> list[Path]:
    """The files of the model at `path`, links followed: the file itself, or a folder's weights and what helps them.

    One part of a split model stands for all of them that lie beside it, under their own names, which tell their order.

    Raises InvalidModelfile for a folder without weights, one with links that lead out of it, or one with broken parts,
    and for a device or a pipe, which may never end.
    """
    if path.is_file():
        return _parts(path) or [path.resolve()]
    if not path.is_dir():
        raise InvalidModelfile(f"{path} is no regular file")
    weights = _weights(path)
    if not weights:
        raise InvalidModelfile(NO_FILES)
    found = dict.fromkeys(_targets(path, (*weights, *_texts(path), *_tokenizers(path))))
    return list(found)


def _parts(path: Path) -> list[Path]:
    part = _PART.fullmatch(path.name)
    if part is None:
        return []
    beside = ((found, _PART.fullmatch(found.name)) for found in path.absolute().parent.iterdir())
    return sorted(found for found, each in beside if each and each.groups() == part.groups() and found.is_file())


def _weights(folder: Path) -> list[Path]:
    for group in _GROUPS:
        files = _matches(folder, group.patterns)
        if files and (group.type is None or all(_sniff(file) == group.type for file in files)):
            return files
    return []


def _texts(folder: Path) -> list[Path]:
    files = _matches(folder, ("*.json", "*/*.json"))
    for file in files:
        kind = _sniff(file)
        if not kind.startswith("text/"):
            raise InvalidModelfile(f"invalid content type: expected {kind} for {file}")
    return files


def _tokenizers(folder: Path) -> list[Path]:
    templates = [file for file in _matches(folder, ("chat_template.jinja",)) if _sniff(file).startswith("text/")]
    tokenizers = [file for file in _matches(folder, ("tokenizer.model",)) if _sniff(file) == _OCTETS]
    nested = [file for file in _matches(folder, ("*/tokenizer.model",)) if _sniff(file).startswith("text/")]
    return [*templates, *(tokenizers or nested)]


def _matches(folder: Path, patterns: Iterable[str]) -> list[Path]:
    """The files that match, patterns in their order and names in theirs. A broken link is no file."""
    return [file for pattern in patterns for file in sorted(folder.glob(pattern)) if file.is_file()]


def _targets(folder: Path, files: Iterable[Path]) -> list[Path]:
    root = folder.resolve()
    targets: list[Path] = []
    for file in files:
        target = file.resolve()
        if not target.is_relative_to(root):
            hint = f"\n\n{_CACHE_HINT}" if ".cache" in str(target) else ""
            raise InvalidModelfile(f"insecure path: {os.path.relpath(target, root)}{hint}")
        targets.append(target)
    return targets


def _sniff(file: Path) -> str:
    """The type that the first bytes suggest, in the words of HTTP."""
    with file.open("rb") as opened:
        start = opened.read(_SNIFFED_BYTES)
    for signature, kind in _SIGNATURES:
        if start.startswith(signature):
            return kind
    return _OCTETS if _BINARY.intersection(start) else _TEXT
