"""Plans the files that the engine gets in the place of a published one. Pure but for reading the head of that file."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from tampu.errors import InvalidModelFile
from tampu.gguf.header import Header, TensorInfo
from tampu.gguf.metadata import architecture_of
from tampu.gguf.rewrite import LONGEST_HEADER, WrittenTensor, padding, read_facts, write_head
from tampu.gguf.shards import is_about_splitting, is_split, split_count
from tampu.gguf.soundness import problems
from tampu.gguf.translate.checks import check_projector, check_text
from tampu.gguf.translate.facts import text_of, words
from tampu.gguf.translate.families import FAMILIES, WITH_PROJECTOR, Family
from tampu.gguf.translate.plan import Copied, Given, Piece, View
from tampu.gguf.translate.translation import Tensor, Translation

BLOCK: Final = 4096
"""File systems share whole blocks, so what is copied begins at the same place of a block as in the stored file."""
PAD_KEY: Final = "general.tampu.pad"
"""It also tells a file of ours, which needs no translation."""
_KEPT_BY_PROJECTORS: Final = ("general.", "clip.")
_LONGEST_NAME: Final = 63
VISION: Final = "v."
Files = Sequence[tuple[Path, Header]]


def holds_projector(header: Header) -> bool:
    """Whether a model's file is its own projector as well."""
    is_known = architecture_of(header) in WITH_PROJECTOR
    return is_known and any(tensor.name.startswith(VISION) for tensor in header.tensors)


def text_view(source: Path, header: Header, others: Files = ()) -> View | None:
    """The file to load in the place of a model's; None where it can be loaded as it is.

    `others`: the further files of a model that is split, in order; they become one file. Of others nothing is taken.
    Raises InvalidModelFile, which names the key or tensor, for a published layout that is incomplete; OSError.
    """
    others = others if is_split(header) else ()
    made, family = _published(source, header, others)
    if made is None or family is None or family.text is None:
        return None
    _require_whole(header, others)
    family.text(made)
    check_text(made)
    return _view(_sources(source, others), header, made.facts, made.tensors)


def projector_view(source: Path, header: Header, others: Files = ()) -> View | None:
    """The projector to load in the place of a file, be it one or a model; else as `text_view`."""
    others = others if is_split(header) else ()
    made, family = _published(source, header, others)
    if made is None or family is None or family.projector is None:
        return None
    if architecture_of(header) != "clip" and not made.has_parts(VISION):
        return None
    _require_whole(header, others)
    family.projector(made)
    if architecture_of(header) != "clip":  # what was a projector before is left to the engine
        check_projector(made)
    facts = {key: fact for key, fact in made.facts.items() if key.startswith(_KEPT_BY_PROJECTORS)}
    return _view(_sources(source, others), header, facts, made.tensors)


def _sources(source: Path, others: Files) -> tuple[Path, ...]:
    return (source, *(path for path, _ in others))


def _published(source: Path, header: Header, others: Files) -> tuple[Translation | None, Family | None]:
    families = FAMILIES.get(architecture_of(header), ())
    if not families or PAD_KEY in header.metadata or next(problems(header), None) is not None:
        return None, None
    if header.data_offset > LONGEST_HEADER:
        raise InvalidModelFile(f"the header is too long to be translated: {header.data_offset} bytes")
    with source.open("rb") as file:
        head = file.read(header.data_offset)
    facts = {key.decode("utf-8", "replace"): fact for key, fact in read_facts(head).items()}
    made = Translation([header, *(other for _, other in others)], facts)
    return made, next((family for family in families if family.is_published(made)), None)


def _require_whole(header: Header, others: Files) -> None:
    count = split_count(header)
    if count != 1 + len(others):
        text = f"is in {count} files, of which {1 + len(others)} are there; create the model again from all of them"
        raise InvalidModelFile(f"a model of the architecture {architecture_of(header)} in its published layout {text}")
    names = Counter(tensor.name for _, other in ((None, header), *others) for tensor in other.tensors)
    for name, times in names.items():
        if times > 1:
            raise InvalidModelFile(f'the tensor "{name}" occurs in {times} files of the model')


def _view(sources: tuple[Path, ...], header: Header, facts: dict[str, bytes], tensors: dict[str, Tensor]) -> View:
    facts = {key: fact for key, fact in facts.items() if not is_about_splitting(key)}
    for name in tensors:
        if len(name.encode()) > _LONGEST_NAME:
            raise InvalidModelFile(f'the name of the tensor "{name}" is longer than {_LONGEST_NAME} bytes')
    # In the order of the stored files, so that long runs of it can be copied in one go.
    tensors = dict(sorted(tensors.items(), key=lambda item: item[1].start))
    written = [WrittenTensor(name, each.shape, each.type.number, each.nbytes) for name, each in tensors.items()]
    body = tuple(_joined(_padded(tensors.values(), header.alignment)))
    head = _head({**facts, PAD_KEY: words("")}, written, header.alignment)
    if body and isinstance(body[0], Copied) and BLOCK % header.alignment == 0:
        missing = (body[0].start - len(head)) % BLOCK
        head = _head({**facts, PAD_KEY: words(" " * missing)}, written, header.alignment)
    return View(
        sources,
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
        elif isinstance(piece, Copied) and run is not None and _goes_on(run, gap, piece):
            run, gap = replace(run, nbytes=run.nbytes + gap + piece.nbytes), 0
        else:
            yield from _closed(run, gap)
            run, gap = (piece, 0) if isinstance(piece, Copied) else (None, 0)
            if run is None and piece.nbytes:
                yield piece
    yield from _closed(run, gap)


def _goes_on(run: Copied, gap: int, piece: Copied) -> bool:
    return piece.file == run.file and piece.start == run.start + run.nbytes + gap


def _closed(run: Copied | None, gap: int) -> Iterable[Piece]:
    if run is not None:
        yield run
        if gap:
            yield Given(bytes(gap))
