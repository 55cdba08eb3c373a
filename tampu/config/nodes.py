"""What is written in the settings file, as plain text with its places; what it means is for others to say.

`line` counts from 1; `start` and `end` are places in the text, counted in characters.
"""

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value, or the name of a key. `is_null`: nothing is written there, or `null`."""

    text: str
    line: int
    start: int = 0
    end: int = 0
    is_null: bool = False


@dataclass(frozen=True, slots=True)
class Items:
    """A list. `is_flow`: written in brackets."""

    items: "tuple[Node, ...]"
    line: int
    start: int = 0
    end: int = 0
    is_flow: bool = False


@dataclass(frozen=True, slots=True)
class Pairs:
    """Keys and their values, in the order of the file. `is_flow`: written in braces."""

    pairs: "tuple[tuple[Scalar, Node], ...]"
    line: int
    start: int = 0
    end: int = 0
    is_flow: bool = False

    def get(self, key: str) -> "Node | None":
        """The value of `key`; None where there is no such key."""
        return next((value for name, value in self.pairs if name.text == key), None)


Node: TypeAlias = Scalar | Items | Pairs


def is_empty(node: Node | None) -> bool:
    """Whether nothing is said there."""
    return node is None or (isinstance(node, Scalar) and node.is_null)


def content_end(node: Node) -> int:
    """Where what is written of `node` ends; blank lines and comments after a block do not count."""
    match node:
        case Items(items=items, is_flow=False) if items:
            return content_end(items[-1])
        case Pairs(pairs=pairs, is_flow=False) if pairs:
            key, value = pairs[-1]
            return max(key.end + 1, content_end(value))
        case _:
            return node.end
