"""Reads the JSON of a registry's answer, and says what is wrong with it in the words that clients of Ollama know."""

from typing import Final, TypeVar

from tampu.errors import BadRequest, RegistryError
from tampu.json_syntax import UNEXPECTED_END, UNEXPECTED_END_OF_TEXT
from tampu.wire import decode

T = TypeVar("T")

_CUT: Final = frozenset({UNEXPECTED_END, "missing request body"})


def read_json(kind: type[T], content: bytes) -> T:
    """`content` as `kind`; raises RegistryError. Here all of the answer is there, so one that ends early was cut."""
    try:
        return decode(kind, content)
    except BadRequest as error:
        raise RegistryError(UNEXPECTED_END_OF_TEXT if error.message in _CUT else error.message) from None
