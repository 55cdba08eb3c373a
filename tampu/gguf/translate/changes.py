"""What a view makes of the stored files, for those who write translations: keys and tensors, before and after. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from tampu.gguf.header import Header
from tampu.gguf.outline import facts_in
from tampu.gguf.translate.plan import Computed, Copied, Given, Piece, View
from tampu.gguf.translate.planning import PAD_KEY

Cost = Literal["header only", "tensors left out", "tensors computed"]


@dataclass(frozen=True, slots=True)
class Changes:
    """`renamed`: old and new name; `made`: new name and what it is made of, which may be nothing.

    `copied_bytes`, `computed_bytes`: of the file besides its head, padding left out of both.
    """

    before: Mapping[str, bytes]
    after: Mapping[str, bytes]
    renamed: tuple[tuple[str, str], ...]
    left_out: tuple[str, ...]
    made: tuple[tuple[str, tuple[str, ...]], ...]
    copied_bytes: int
    computed_bytes: int

    @property
    def keys_added(self) -> list[str]:
        """Keys that only the view has."""
        return [key for key in self.after if key not in self.before]

    @property
    def keys_changed(self) -> list[str]:
        """Keys that say something else, or in another type."""
        return [key for key, fact in self.after.items() if self.before.get(key, fact) != fact]

    @property
    def keys_removed(self) -> list[str]:
        """Keys that only the stored file has."""
        return [key for key in self.before if key not in self.after]

    @property
    def cost(self) -> Cost:
        """What it takes to write the view."""
        if self.computed_bytes or self.made:
            return "tensors computed"
        return "tensors left out" if self.left_out else "header only"


def changes_of(view: View, headers: Sequence[Header], before: Mapping[str, bytes]) -> Changes:
    """Compare a view with the files that it is made of; `before`: the keys of the first of them."""
    head = view.pieces[0]
    after = dict(facts_in(head.content)) if isinstance(head, Given) else {}
    after.pop(PAD_KEY, None)
    stored = {
        (file, header.data_offset + tensor.offset): tensor.name
        for file, header in enumerate(headers)
        for tensor in header.tensors
    }
    origins = dict(_origins(view, stored))
    renamed = tuple((old[0], new) for new, (old, is_whole) in origins.items() if is_whole and old[0] != new)
    made = tuple((new, old) for new, (old, is_whole) in origins.items() if not is_whole)
    used = {name for old, _ in origins.values() for name in old}
    return Changes(
        before,
        after,
        renamed,
        tuple(name for name in stored.values() if name not in used),
        made,
        sum(piece.nbytes for piece in view.pieces[1:] if isinstance(piece, Copied)),
        sum(piece.nbytes for piece in view.pieces[1:] if isinstance(piece, Computed)),
    )


def _origins(view: View, stored: Mapping[tuple[int, int], str]) -> Iterator[tuple[str, tuple[tuple[str, ...], bool]]]:
    """For each tensor of the view, of which stored ones it consists, and whether it is one of them as it is."""
    pieces, at = list(view.pieces[1:]), 0
    place = 0
    for tensor in view.tensors:
        found: list[str] = []
        is_whole = True
        while place < len(pieces) and at + pieces[place].nbytes <= tensor.offset:
            at, place = at + pieces[place].nbytes, place + 1
        reach, here = at, place
        while here < len(pieces) and reach < tensor.offset + tensor.nbytes:
            found += _names(pieces[here], tensor.offset - reach, tensor.offset + tensor.nbytes - reach, stored)
            is_whole = is_whole and isinstance(pieces[here], Copied)
            reach, here = reach + pieces[here].nbytes, here + 1
        yield tensor.name, (tuple(dict.fromkeys(found)), is_whole and len(found) == 1)


def _names(piece: Piece, start: int, end: int, stored: Mapping[tuple[int, int], str]) -> Iterator[str]:
    """The stored tensors that begin in a stretch of a piece, counted from its beginning."""
    match piece:
        case Computed(sources=sources):
            yield from (
                stored[source.file, source.start] for source in sources if (source.file, source.start) in stored
            )
        case Copied(start=at, file=file):
            low, high = at + max(start, 0), at + min(end, piece.nbytes)
            yield from (name for (number, begin), name in stored.items() if number == file and low <= begin < high)
        case Given():
            return
