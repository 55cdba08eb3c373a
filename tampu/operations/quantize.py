"""Makes the weights of a model smaller while it is created. The numbers are packed in a process of their own."""

import errno
import os
import sys
import tempfile
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import anyio
import anyio.abc
import msgspec
from anyio import to_thread
from anyio.streams.text import TextReceiveStream

from tampu.config import engine_environment
from tampu.engine import quantizing
from tampu.engine.quantizing import PackedTensor, Work
from tampu.errors import StoreError
from tampu.gguf.header import Header
from tampu.gguf.metadata import parameter_count, quantization_label
from tampu.gguf.quantization import FILE_TYPES, Change, changes, has_foreign_parts
from tampu.gguf.rewrite import LONGEST_HEADER, WrittenTensor, read_facts, uint32_fact, uint64_fact, write_head
from tampu.gguf.shards import join_headers
from tampu.progress import Progress
from tampu.store.blobs import TemporaryFile
from tampu.store.draft import Draft
from tampu.store.faults import store_fault, store_faults
from tampu.store.hashing import hash_steps
from tampu.store.library import Library
from tampu.store.model import LAYER_PREFIX, Layer
from tampu.store.quantization import wanted_quantization

_REPORT_BYTES: Final = 16 << 20
"""Reports of a small model would only be noise."""
_NO_DIGEST: Final = "0" * 19
"""What clients see in the place of a digest while there is none."""
_LONGEST_FAULT: Final = 4096
_DROPPED: Final = ("general.file_type", "general.quantization_version")


@dataclass(frozen=True, slots=True)
class _Source:
    """A model to be made smaller: its files with their headers, and what it is to become."""

    files: tuple[tuple[Path, Header], ...]
    target: str

    @property
    def header(self) -> Header:
        return join_headers([header for _, header in self.files])


async def quantize_layers(
    library: Library, draft: Draft, group: Sequence[Layer], wanted: str
) -> AsyncGenerator[Progress]:
    """Replace the layers of one model, which weights or a draft model may be, by a smaller one; or leave them.

    Tells how far it is. Raises StoreError for what cannot be asked for, and for rows that are too odd.
    """
    kind = group[0].kind
    paths = [library.blobs.path(layer.digest) for layer in group]
    headers = [await to_thread.run_sync(library.header, path) for path in paths]
    label = quantization_label(headers[0])
    target = wanted_quantization(wanted, label, is_draft=kind == "draft")
    if not target:
        return
    source = _Source(tuple(zip(paths, headers, strict=True)), target)
    with TemporaryFile(library.layout) as made:
        async with aclosing(_packed(source, made)) as steps:
            async for done, total in steps:
                yield Progress(f"quantizing {label} {kind} to {target}", _NO_DIGEST, total, done)
        layer, is_new = await _stored(made, draft, kind)
    draft.replace(group, layer)
    draft.fresh |= {layer.digest} if is_new else set()


async def _packed(source: _Source, made: TemporaryFile) -> AsyncGenerator[tuple[int, int]]:
    """Write the smaller file, telling bytes read of bytes in all."""
    planned = await to_thread.run_sync(changes, source.header, source.target)
    await to_thread.run_sync(_write_head, source, planned, made)
    places = {tensor.name: (path, header) for path, header in source.files for tensor in header.tensors}
    work = Work(
        target=str(made.path),
        alignment=source.files[0][1].alignment,
        tensors=tuple(_packing(change, *places[change.tensor.name]) for change in planned),
    )
    total, told = sum(change.tensor.nbytes for change in planned), 0
    async with aclosing(_run(work)) as counts:
        async for done in counts:
            if done - told >= _REPORT_BYTES:
                told = done
                yield done, total


def _write_head(source: _Source, planned: Sequence[Change], made: TemporaryFile) -> None:
    path, header = source.files[0]
    if header.data_offset > LONGEST_HEADER:
        raise StoreError(f"the header of the file has {header.data_offset} bytes, too many to be written anew")
    with store_faults("reading a model"), path.open("rb") as file:
        facts = read_facts(file.read(header.data_offset))
    kept = {key: value for key, value in facts.items() if not _is_dropped(key.decode("utf-8", "replace"))}
    kept[b"general.quantization_version"] = uint32_fact(2)
    kept[b"general.file_type"] = uint32_fact(FILE_TYPES[source.target])
    if has_foreign_parts(source.header):
        kept[b"general.parameter_count"] = uint64_fact(parameter_count(source.header))
        kept = {key: kept[key] for key in sorted(kept)}
    tensors = [WrittenTensor(each.tensor.name, each.tensor.shape, each.type.number, each.nbytes) for each in planned]
    made.write(write_head(kept, tensors, header.alignment))


def _is_dropped(key: str) -> bool:
    return key in _DROPPED or key.startswith("split.")


def _packing(change: Change, path: Path, header: Header) -> PackedTensor:
    tensor = change.tensor
    return PackedTensor(
        path=str(path),
        offset=header.data_offset + tensor.offset,
        nbytes=tensor.nbytes,
        row=tensor.shape[0] if tensor.shape else 1,
        type=tensor.type.number,
        new_type=change.type.number,
    )


async def _run(work: Work) -> AsyncGenerator[int]:
    """Bytes of tensors read so far, until the work is done; raises StoreError."""
    command = [sys.executable, "-P", "-E", str(Path(quantizing.__file__))]
    # A pipe that nobody reads meanwhile would be full some day, and hold the work up for ever.
    with tempfile.TemporaryFile() as complaints:
        async with await anyio.open_process(command, env=engine_environment(), stderr=complaints) as process:
            try:
                async with aclosing(_talk(process, msgspec.json.encode(work))) as lines:
                    async for line in lines:
                        yield int(line)
                if code := await process.wait():
                    raise _failure(code, _last_line(complaints))
            finally:
                if process.returncode is None:
                    with suppress(ProcessLookupError):
                        process.kill()


def _failure(code: int, fault: str) -> StoreError:
    if code in {errno.ENOSPC, errno.EDQUOT}:
        return store_fault(OSError(code, fault), "quantizing")
    return StoreError(f"llama-quantize failed: {fault or 'it was killed'}")


async def _talk(process: anyio.abc.Process, work: bytes) -> AsyncGenerator[str]:
    """Hand over the work; what the process says, line by line."""
    assert process.stdin is not None  # noqa: S101  # pipes are what open_process makes
    assert process.stdout is not None  # noqa: S101
    with suppress(anyio.BrokenResourceError):  # it ended before it listened, and how it ended will say why
        await process.stdin.send(work)
        await process.stdin.aclose()
    rest = ""
    async for text in TextReceiveStream(process.stdout):
        *lines, rest = (rest + text).split("\n")
        for line in lines:
            yield line


def _last_line(file: IO[bytes]) -> str:
    file.seek(max(0, file.seek(0, os.SEEK_END) - _LONGEST_FAULT))
    return file.read().decode("utf-8", "replace").strip().rpartition("\n")[2]


async def _stored(made: TemporaryFile, draft: Draft, kind: str) -> tuple[Layer, bool]:
    digest, size = "", 0
    async with aclosing(hash_steps(made.path)) as steps:
        async for step in steps:
            digest, size = step.digest, step.done
    is_new = await to_thread.run_sync(made.become, digest, draft.pins)
    return Layer(media_type=f"{LAYER_PREFIX}{kind}", digest=digest, size=size), is_new
