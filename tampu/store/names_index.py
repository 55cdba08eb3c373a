"""Finding the stored spelling of a name. Pure."""

from collections.abc import Iterable
from typing import Self

from tampu.names import ModelName

_PARTS = 4


class NameIndex:
    """The names that are stored, as lookups without case need them.

    Ollama compares each part of a name with the parts of all stored names and takes over the spelling that it finds
    first, in no fixed order. Here a stored name that matches as a whole comes first; the rest is in order of names.
    """

    def __init__(self, names: Iterable[ModelName]) -> None:
        self._names = frozenset(names)
        self._whole: dict[tuple[str, ...], ModelName] = {}
        self._parts: tuple[dict[str, str], ...] = tuple({} for _ in range(_PARTS))
        self._spelled: tuple[set[str], ...] = tuple(set() for _ in range(_PARTS))
        for name in sorted(self._names):
            self._whole.setdefault(_folded(name), name)
            for place, part in enumerate(name.parts):
                self._parts[place].setdefault(part.lower(), part)
                self._spelled[place].add(part)

    @classmethod
    def empty(cls) -> Self:
        """The index of an empty store."""
        return cls(())

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def canonical(self, name: ModelName) -> ModelName:
        """The stored name that is meant; one that is not stored gets its parts as other names spell them."""
        if name in self._names:
            return name
        whole = self._whole.get(_folded(name))
        if whole is not None:
            return whole
        return ModelName(*(self._part(place, part) for place, part in enumerate(name.parts)))

    def _part(self, place: int, part: str) -> str:
        return part if part in self._spelled[place] else self._parts[place].get(part.lower(), part)


def _folded(name: ModelName) -> tuple[str, ...]:
    return tuple(part.lower() for part in name.parts)
