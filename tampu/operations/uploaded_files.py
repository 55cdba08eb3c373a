"""Reads the files that a new model is made from: which models they are, and what is refused of them."""

from collections.abc import AsyncIterator, Mapping
from functools import partial
from pathlib import PurePosixPath

from anyio import to_thread

from tampu.errors import BadRequest, StoreError
from tampu.gguf.adapter import check_adapter
from tampu.progress import Progress
from tampu.store.blobs import BlobStore
from tampu.store.sources import FileType, SourceFile, SourceModel, assemble, file_type, read_source


async def read_files(
    blobs: BlobStore, files: Mapping[str, str], what: str, models: list[SourceModel]
) -> AsyncIterator[Progress]:
    """Read uploaded files (digests by path) into `models`, telling each; raises BadRequest and StoreError.

    `what` they are said to be: `model`, `adapter` or `draft`.
    """
    if await to_thread.run_sync(file_type, files, blobs) is FileType.SAFETENSORS:
        yield Progress(f"converting {'adapter' if what == 'adapter' else 'model'}")
        _refuse_safetensors(files, "adapter_config.json" if what == "adapter" else "config.json")
    if what == "adapter":
        _refuse_repeated(files)
    sources: list[SourceFile] = []
    for path, digest in sorted(files.items()):
        yield Progress("parsing GGUF")
        sources.append(await to_thread.run_sync(read_source, path, digest, blobs))
    models += await to_thread.run_sync(partial(assemble, sources, kind="draft" if what == "draft" else None))
    for model in models:
        if model.kind == "adapter":
            check_adapter(model.files[0].header)


def _refuse_repeated(adapters: Mapping[str, str]) -> None:
    """An adapter that is given twice would change the model twice as much, which nobody means."""
    names: dict[str, str] = {}
    for name, digest in adapters.items():
        if digest in names:
            raise BadRequest(f'the adapters "{names[digest]}" and "{name}" are the same file; name it once')
        names[digest] = name


def _refuse_safetensors(files: Mapping[str, str], description: str) -> None:
    if not any(PurePosixPath(path).name == description for path in files):
        raise StoreError(f"open {description}: no such file or directory")
    raise BadRequest("safetensors are not converted yet; convert the model to GGUF and create from that file")
