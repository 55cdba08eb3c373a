"""Cuts a GGUF into the parts of a split model, as `gguf-split` does, with names that say nothing."""

from pathlib import Path

import gguf


def split(model: Path, folder: Path, parts: int) -> tuple[Path, ...]:
    """The parts of `model`, in order, named as a store of blobs names them."""
    reader = gguf.GGUFReader(model)
    paths = tuple(folder / f"sha256-{index:064x}" for index in range(parts))
    for index, path in enumerate(paths):
        tensors = reader.tensors[index::parts]
        _write(path, reader, tensors, index=index, parts=parts)
    return paths


def _write(path: Path, reader: gguf.GGUFReader, tensors: list[gguf.ReaderTensor], *, index: int, parts: int) -> None:
    writer = gguf.GGUFWriter(path, reader.fields["general.architecture"].contents())
    if index == 0:
        for name, field in reader.fields.items():
            if not name.startswith("GGUF.") and name != "general.architecture":
                inner = field.types[1] if len(field.types) > 1 else None
                writer.add_key_value(name, field.contents(), field.types[0], sub_type=inner)
    writer.add_uint16("split.no", index)
    writer.add_uint16("split.count", parts)
    writer.add_int32("split.tensors.count", len(reader.tensors))
    for tensor in tensors:
        writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
