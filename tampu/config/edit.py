"""Changes one value in the text of a settings file and nothing else: comments, order and layout stay.

The text that comes out is read again, and is refused unless it says what was asked for and otherwise what it said
before; so an unusual layout costs a plain error, never a setting.
"""

import json
from dataclasses import dataclass
from typing import Final

from tampu.config.document import parse_document
from tampu.config.file import KINDS, SECRET_KEYS, FileSettings, Given, nearest, settings_in
from tampu.config.kinds import text_of
from tampu.config.nodes import Node, Pairs, Scalar, content_end, is_empty
from tampu.config.shown import plain
from tampu.errors import ConfigError

_INDENT: Final = "  "


def with_value(text: str, key: str, value: str, shown: str) -> str:
    """`text` with `key` set to `value`, which is written as in a variable.

    Raises ConfigError for a text that is no settings file (called `shown`), an unknown key, a value that is not
    allowed, and a layout that cannot be changed safely.
    """
    before = settings_in(text, shown)
    wanted = _checked(key, value)
    root = parse_document(text, shown)
    changed = _Edit(text, root, _newline(text)).set(key, _written(key, value, wanted))
    if not _says(changed, key, wanted, before):
        raise ConfigError(f"{shown}: {key} cannot be set safely in the way this file is laid out; change it by hand")
    return changed


def _checked(key: str, value: str) -> object:
    """The value as it counts; raises ConfigError."""
    kind = KINDS.get(key)
    if kind is None:
        near = nearest(key, KINDS)
        raise ConfigError(f"unknown key {key!r}" + (f"; did you mean {near!r}?" if near else ""))
    try:
        return kind.from_file(Scalar(value, 1))
    except ValueError as error:
        reason = f": {error}" if str(error) else ""
        told = "this value" if key in SECRET_KEYS else repr(value)
        raise ConfigError(f"{key}: {told} is not allowed{reason}; allowed is {kind.allowed}") from None


def _written(key: str, value: str, wanted: object) -> str:
    """How it stands in the file: lists in brackets, texts without quotes where that means the same."""
    if isinstance(wanted, tuple | dict):
        return json.dumps(plain(wanted), ensure_ascii=False)
    try:
        node = parse_document(f"{key}: {value}", "").get(key)
        if isinstance(node, Scalar) and not node.is_null and text_of(node) == value:
            return value
    except ConfigError:
        pass
    return json.dumps(value, ensure_ascii=False)


def _says(text: str, key: str, wanted: object, before: FileSettings) -> bool:
    try:
        after = settings_in(text, "")
    except ConfigError:
        return False
    expected = {name: given.value for name, given in {**before.values, key: Given(wanted, 0)}.items()}
    return {name: given.value for name, given in after.values.items()} == expected and after.models == before.models


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


@dataclass(frozen=True, slots=True)
class _Edit:
    """One text, what it holds, and how its lines end."""

    text: str
    root: Pairs
    newline: str

    def set(self, key: str, written: str) -> str:
        """The text with `key` set."""
        section, _, name = key.partition(".")
        found = self.root.get(section)
        if isinstance(found, Pairs):
            value = found.get(name)
            if value is None:
                return self._added(found, f"{name}: {written}")
            return self._replaced(next(each for each, _ in found.pairs if each.text == name), value, written)
        if found is not None:  # a section that nothing stands below
            head = next(each for each, _ in self.root.pairs if each.text == section)
            return self._filled(head, found, f"{name}: {written}")
        if self.root.is_flow:
            return self._added(self.root, f"{section}: {{{name}: {written}}}")
        indent = self._indent(self.root)
        return self._appended(f"{indent}{section}:{self.newline}{indent}{_INDENT}{name}: {written}")

    def _added(self, group: Pairs, line: str) -> str:
        """A further key, at the end of its group."""
        if group.is_flow:
            end = group.end - 1
            inside = self.text[group.start + 1 : end].rstrip()
            comma = ", " if inside and not inside.endswith(",") else " " if inside else ""
            end = group.start + 1 + len(inside)
            return self.text[:end] + comma + line + self.text[end:]
        end = self._line_end(self._trimmed(content_end(group)))
        return self.text[:end] + self.newline + self._indent(group) + line + self.text[end:]

    def _replaced(self, key: Scalar, value: Node, written: str) -> str:
        if is_empty(value) and not self.text[value.start : value.end].strip():
            colon = self.text.index(":", key.end) + 1
            return f"{self.text[:colon]} {written}{self.text[colon:]}"
        if isinstance(value, Scalar) or value.is_flow:
            return self.text[: value.start] + written + self.text[self._trimmed(value.end) :]
        colon = self.text.index(":", key.end) + 1
        return f"{self.text[:colon]} {written}{self.text[self._trimmed(content_end(value)) :]}"

    def _filled(self, head: Scalar, nothing: Node, line: str) -> str:
        """The first key of a section."""
        if self.text[nothing.start : nothing.end].strip():  # `section: null`
            return f"{self.text[: nothing.start]}{{{line}}}{self.text[nothing.end :]}"
        end = self._line_end(head.end)
        indent = self._indent(self.root) + _INDENT
        return self.text[:end] + self.newline + indent + line + self.text[end:]

    def _appended(self, lines: str) -> str:
        gap = "" if not self.text or self.text.endswith("\n") else self.newline
        return f"{self.text}{gap}{lines}{self.newline}"

    def _indent(self, group: Pairs) -> str:
        """What stands before the first key of a group, if it is on a line of its own."""
        if not group.pairs:
            return ""
        start = group.pairs[0][0].start
        before = self.text[self.text.rfind("\n", 0, start) + 1 : start]
        return before if not before.strip() else " " * len(before)

    def _trimmed(self, end: int) -> int:
        """Without the blanks and line ends that a block takes along."""
        while end and self.text[end - 1] in " \t\r\n":
            end -= 1
        return end

    def _line_end(self, place: int) -> int:
        end = self.text.find("\n", place)
        if end < 0:
            return len(self.text)
        return end - 1 if self.text[end - 1] == "\r" else end
