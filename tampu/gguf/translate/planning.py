"""Plans the files that the engine gets in the place of a published one. Pure but for reading the head of that file."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from tampu.errors import InvalidModelFile
from tampu.gguf.header import Header, TensorInfo
from tampu.gguf.metadata import architecture_of
from tampu.gguf.rewrite import LONGEST_HEADER, WrittenTensor, padding, read_facts, write_head
from tampu.gguf.shards import is_split
from tampu.gguf.soundness import problems
from tampu.gguf.translate.checks import check_projector, check_text
from tampu.gguf.translate.facts import text_of, words
from tampu.gguf.translate.families import FAMILIES, WITH_PROJECTOR, Family
from tampu.gguf.translate.plan import Copied, Given, Piece, View
from tampu.gguf.translate.translation import Tensor, Translation

BLOCK: Final = 4096
"""File systems share whole blocks, so what is copied begins at the same place of a block as in the stored file."""
_PAD_KEY: Final = "general.tampu.pad"
"""It also tells a file of ours, which needs no translation."""
_KEPT_BY_PROJECTORS: Final = ("general.", "clip.")
_LONGEST_NAME: Final = 63
VISION: Final = "v."


def holds_projector(header: Header) -> bool:
    """Whether a model's file is its own projector as well."""
    is_known = architecture_of(header) in WITH_PROJECTOR
    return is_known and any(tensor.name.startswith(VISION) for tensor in header.tensors)


def text_view(source: Path, header: Header) -> View | None:
    """The file to load in the place of a model's; None where it can be loaded as it is.

    Raises InvalidModelFile, which names the key or tensor, for a published layout that is incomplete; OSError.
    """
    made, family = _published(source, header)
    if made is None or family is None or family.text is None:
        return None
    _require_whole(header)
    family.text(made)
    check_text(made)
    return _view(source, header, made.facts, made.tensors)


def projector_view(source: Path, header: Header) -> View | None:
    """The projector to load in the place of a file, be it one or a model; else as `text_view`."""
    made, family = _published(source, header)
    if made is None or family is None or family.projector is None:
        return None
    if architecture_of(header) != "clip" and not made.has_parts(VISION):
        return None
    _require_whole(header)
    family.projector(made)
    if architecture_of(header) != "clip":  # what was a projector before is left to the engine
        check_projector(made)
    facts = {key: fact for key, fact in made.facts.items() if key.startswith(_KEPT_BY_PROJECTORS)}
    return _view(source, header, facts, made.tensors)


def _published(source: Path, header: Header) -> tuple[Translation | None, Family | None]:
    families = FAMILIES.get(architecture_of(header), ())
    if not families or _PAD_KEY in header.metadata or next(problems(header), None) is not None:
        return None, None
    if header.data_offset > LONGEST_HEADER:
        raise InvalidModelFile(f"the header is too long to be translated: {header.data_offset} bytes")
    with source.open("rb") as file:
        head = file.read(header.data_offset)
    facts = {key.decode("utf-8", "replace"): fact for key, fact in read_facts(head).items()}
    made = Translation(header, facts)
    return made, next((family for family in families if family.is_published(made)), None)


def _require_whole(header: Header) -> None:
    if is_split(header):
        text = "is in several files; merge them with llama-gguf-split, then create the model again"
        raise InvalidModelFile(f"a model of the architecture {architecture_of(header)} in its published layout {text}")


def _view(source: Path, header: Header, facts: dict[str, bytes], tensors: dict[str, Tensor]) -> View:
    for name in tensors:
        if len(name.encode()) > _LONGEST_NAME:
            raise InvalidModelFile(f'the name of the tensor "{name}" is longer than {_LONGEST_NAME} bytes')
    # In the order of the stored file, so that long runs of it can be copied in one go.
    tensors = dict(sorted(tensors.items(), key=lambda item: item[1].start))
    written = [WrittenTensor(name, each.shape, each.type.number, each.nbytes) for name, each in tensors.items()]
    body = tuple(_joined(_padded(tensors.values(), header.alignment)))
    head = _head({**facts, _PAD_KEY: words("")}, written, header.alignment)
    if body and isinstance(body[0], Copied) and BLOCK % header.alignment == 0:
        missing = (body[0].start - len(head)) % BLOCK
        head = _head({**facts, _PAD_KEY: words(" " * missing)}, written, header.alignment)
    return View(
        source,
        pieces=(Given(head), *body),
        weights_bytes=sum(each.nbytes for each in tensors.values()),
        architecture=text_of(facts["general.architecture"]) or "",
        tensors=tuple(_told(tensors, header.alignment)),
    )


def _told(tensors: dict[str, Tensor], alignment: int) -> Iterable[TensorInfo]:
    """The tensors as a reader of the view would see them."""
    offset = 0
    for name, tensor in tensors.items():
        yield TensorInfo(name, tensor.shape, tensor.type, offset, tensor.nbytes)
        offset += tensor.nbytes + padding(tensor.nbytes, alignment)


def _head(facts: dict[str, bytes], written: list[WrittenTensor], alignment: int) -> bytes:
    return write_head({key.encode(): fact for key, fact in facts.items()}, written, alignment)


def _padded(tensors: Iterable[Tensor], alignment: int) -> Iterable[Piece]:
    for tensor in tensors:
        yield from tensor.pieces
        yield Given(bytes(padding(tensor.nbytes, alignment)))


def _joined(pieces: Iterable[Piece]) -> Iterable[Piece]:
    """The same with as few pieces as can be: what lies in a row is copied in one go, gaps between tensors included."""
    run: Copied | None = None
    gap = 0
    for piece in pieces:
        if isinstance(piece, Given) and run is not None and not any(piece.content):
            gap += piece.nbytes
        elif isinstance(piece, Copied) and run is not None and piece.start == run.start + run.nbytes + gap:
            run, gap = Copied(run.start, run.nbytes + gap + piece.nbytes), 0
        else:
            yield from _closed(run, gap)
            run, gap = (piece, 0) if isinstance(piece, Copied) else (None, 0)
            if run is None and piece.nbytes:
                yield piece
    yield from _closed(run, gap)


def _closed(run: Copied | None, gap: int) -> Iterable[Piece]:
    if run is not None:
        yield run
        if gap:
            yield Given(bytes(gap))
