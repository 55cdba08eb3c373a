"""What `gguf` tells of model files: their heads, how two differ, and what becomes of a published one."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final, TypeVar

from tampu.errors import InvalidModelFile
from tampu.gguf.header import Header, TensorInfo
from tampu.gguf.outline import head_of, told
from tampu.gguf.reader import read_header
from tampu.gguf.shards import is_split, shard_of
from tampu.gguf.soundness import problems
from tampu.gguf.translate.changes import Changes, changes_of
from tampu.gguf.translate.plan import View
from tampu.gguf.translate.planning import Files, holds_projector, projector_view, text_view
from tampu.units import format_bytes

Report = tuple[Callable[[], Iterator[str]], object, str]
MOST_LISTED: Final = 60
_LONGEST_LINE: Final = 160
_T = TypeVar("_T")


def dump(words: Sequence[Sequence[Path]], is_whole: bool) -> Report:
    """The head of each file: what it says, and its tensors."""
    files = [(path, *_opened(path)) for path in words[0]]
    data = [
        {
            **_about(path, header),
            "keys": {key: _plain(fact) for key, fact in facts.items()},
            "tensors": [_tensor(tensor) for tensor in header.tensors],
        }
        for path, header, facts in files
    ]

    def lines() -> Iterator[str]:
        for path, header, facts in files:
            yield from _title(path, header)
            yield from _listed([f"  {key} = {_value(fact)}" for key, fact in facts.items()], is_whole, "keys")
            rows = [f"  {_row(tensor)}" for tensor in header.tensors]
            yield from _listed(rows, is_whole, "tensors")

    return lines, data, ""


def diff(words: Sequence[Sequence[Path]], is_whole: bool) -> Report:
    """How the heads of two files differ; the numbers in their tensors are not compared."""
    (one, (first, before)), (other, (second, after)) = ((paths[0], _opened(paths[0])) for paths in words)
    keys = _differences(before, after)
    tensors = _differences(_by_name(first), _by_name(second))
    data = {
        "files": [_about(one, first), _about(other, second)],
        "keys": {key: [fact and _plain(fact) for fact in pair] for key, pair in keys.items()},
        "tensors": {name: [tensor and _tensor(tensor) for tensor in pair] for name, pair in tensors.items()},
    }

    def lines() -> Iterator[str]:
        yield f"- {one}"
        yield f"+ {other}"
        yield from _listed(list(_marked(keys, lambda key, fact: f"{key} = {_value(fact)}")), is_whole, "keys")
        yield from _listed(list(_marked(tensors, lambda _, tensor: _row(tensor))), is_whole, "tensors")
        if not keys and not tensors:
            yield "the heads say the same"

    return lines, data, ""


def translation(words: Sequence[Sequence[Path]], is_whole: bool) -> Report:
    """What an engine is given in the place of each file, or why it is given nothing."""
    told_lines: list[str] = []
    data: list[dict[str, Any]] = []
    problem = ""
    for path in words[0]:
        header, before = _opened(path)
        others = _other_parts(path, header)
        about = _about(path, header)
        told_lines += _title(path, header)
        try:
            parts = _planned(path, header, others)
        except InvalidModelFile as error:
            problem = error.message
            told_lines.append(f"  refused: {problem}")
            data.append({**about, "refused": problem})
            continue
        headers = [header, *(other for _, other in others)]
        views = {name: (view, changes_of(view, headers, before)) for name, view in parts.items() if view is not None}
        for name in parts:
            told_lines += _outcome(name, *views[name], is_whole) if name in views else [f"{name}: loaded as it is"]
        data.append({**about, **{name: _view_data(*views[name]) if name in views else None for name in parts}})
    return lambda: iter(told_lines), data, problem


def _planned(path: Path, header: Header, others: Files) -> dict[str, View | None]:
    """By part, what stands in for the file; None where the file itself does. Raises InvalidModelFile."""
    for fault in problems(header):
        raise InvalidModelFile(fault)
    if header.metadata.get("general.architecture") == "clip":
        return {"projector": projector_view(path, header)}
    text = text_view(path, header, others)
    return {"text": text, **({"projector": projector_view(path, header, others)} if holds_projector(header) else {})}


# --- files -----------------------------------------------------------------------------------------------------------


def _opened(path: Path) -> tuple[Header, Mapping[str, bytes]]:
    header = read_header(path)
    return header, head_of(path, header)


def _other_parts(path: Path, header: Header) -> Files:
    """The further files of a split model, as far as they lie beside the first under their own names."""
    shard = shard_of(path) if is_split(header) else None
    others = [path.with_name(name) for name in shard.file_names[1:]] if shard else []
    return [(other, read_header(other)) for other in others if other.is_file()]


def _by_name(header: Header) -> dict[str, tuple[str, tuple[int, ...], str]]:
    return {tensor.name: (tensor.name, tensor.shape, tensor.type.label) for tensor in header.tensors}


def _differences(before: Mapping[str, _T], after: Mapping[str, _T]) -> dict[str, tuple[_T | None, _T | None]]:
    names = dict.fromkeys((*before, *after))
    pairs = {name: (before.get(name), after.get(name)) for name in names}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


# --- for programs ----------------------------------------------------------------------------------------------------


def _about(path: Path, header: Header) -> dict[str, Any]:
    return {
        "file": str(path),
        "bytes": header.file_bytes,
        "version": header.version,
        "alignment": header.alignment,
        "data_offset": header.data_offset,
    }


def _plain(fact: bytes) -> dict[str, Any]:
    found = told(fact)
    count = {} if found.count is None else {"count": found.count}
    return {"type": found.type, "value": found.value, **count}


def _tensor(tensor: TensorInfo | tuple[str, tuple[int, ...], str]) -> dict[str, Any]:
    if isinstance(tensor, TensorInfo):
        offset = {"offset": tensor.offset, "bytes": tensor.nbytes}
        return {"name": tensor.name, "shape": tensor.shape, "type": tensor.type.label, **offset}
    name, shape, label = tensor
    return {"name": name, "shape": shape, "type": label}


def _view_data(view: View, changes: Changes) -> dict[str, Any]:
    keys = {"added": changes.keys_added, "changed": changes.keys_changed}
    return {
        "architecture": view.architecture,
        "bytes": view.nbytes,
        "cost": changes.cost,
        "copied_bytes": changes.copied_bytes,
        "computed_bytes": changes.computed_bytes,
        "keys": {
            **{how: {key: _plain(changes.after[key]) for key in names} for how, names in keys.items()},
            "removed": changes.keys_removed,
        },
        "renamed": dict(changes.renamed),
        "made": dict(changes.made),
        "left_out": changes.left_out,
        "tensors": [_tensor(tensor) for tensor in view.tensors],
    }


# --- for people ------------------------------------------------------------------------------------------------------


def _title(path: Path, header: Header) -> Iterator[str]:
    size = format_bytes(header.file_bytes)
    yield f"{path}"
    yield (
        f"  GGUF version {header.version}, {size}, {len(header.metadata)} keys, {len(header.tensors)} tensors, "
        f"tensors from {header.data_offset} on, aligned to {header.alignment}"
    )


def _outcome(name: str, view: View, changes: Changes, is_whole: bool) -> Iterator[str]:
    size, computed = format_bytes(view.nbytes), format_bytes(changes.computed_bytes)
    yield f"{name}: {view.architecture}, {size} of which {computed} are computed: {changes.cost}"
    for mark, keys in (("+", changes.keys_added), ("~", changes.keys_changed)):
        yield from _listed([f"  {mark} {key} = {_value(changes.after[key])}" for key in keys], is_whole, "keys")
    yield from _listed([f"  - {key}" for key in changes.keys_removed], is_whole, "keys")
    yield from _listed([f"  {old} -> {new}" for old, new in changes.renamed], is_whole, "renamed tensors")
    made = [f"  {', '.join(old) or 'nothing'} => {new}" for new, old in changes.made]
    yield from _listed(made, is_whole, "made tensors")
    yield from _listed([f"  {left} left out" for left in changes.left_out], is_whole, "tensors left out")


def _marked(pairs: Mapping[str, tuple[Any, Any]], show: Callable[[str, Any], str]) -> Iterator[str]:
    for name, (old, new) in pairs.items():
        yield from (f"{mark} {show(name, each)}" for mark, each in (("-", old), ("+", new)) if each is not None)


def _row(tensor: TensorInfo | tuple[str, tuple[int, ...], str]) -> str:
    if isinstance(tensor, TensorInfo):
        tensor = (tensor.name, tensor.shape, tensor.type.label)
    name, shape, label = tensor
    return f"{name}  {' x '.join(map(str, shape))}  {label}"


def _value(fact: bytes) -> str:
    found = told(fact)
    line = f"{found.text} ({found.type})"
    return line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]}... ({found.type})"


def _listed(lines: Sequence[str], is_whole: bool, what: str) -> Iterator[str]:
    """The lines, or so many that they fit on some screens."""
    most = len(lines) if is_whole else MOST_LISTED
    yield from islice(lines, most)
    if len(lines) > most:
        yield f"  ... and {len(lines) - most} more {what}, which --all prints"
