"""Changes or removes one value in the text of a settings file and nothing else: comments, order and layout stay.

The text that comes out is read again, and is refused unless it says what was asked for and otherwise what it said
before; so an unusual layout costs a plain error, never a setting.
"""

import json
import re
from dataclasses import dataclass, replace
from typing import Any, Final

from tampu.config.document import parse_document
from tampu.config.file import KINDS, SECRET_KEYS, FileSettings, Given, nearest, settings_in
from tampu.config.kinds import Kind, text_of
from tampu.config.models import MODEL_KEYS, MODELS_KEY, ModelSettings
from tampu.config.nodes import Items, Node, Pairs, Scalar, content_end, is_empty
from tampu.config.shown import plain
from tampu.errors import ConfigError, InvalidName
from tampu.names import ModelName

_INDENT: Final = "  "
_MODEL_KEY: Final = re.compile(r"models\[(?P<name>[^\[\]]+)\](?:\.(?P<key>\w+))?")


def with_value(text: str, key: str, value: str, shown: str) -> str:
    """`text` with `key` set to `value`, which is written as in a variable. `models[NAME].KEY` is one of a model.

    Raises ConfigError for a text that is no settings file (called `shown`), an unknown key, a value that is not
    allowed, and a layout that cannot be changed safely.
    """
    before = settings_in(text, shown)
    wanted = _checked(key, value)
    edit = _Edit(text, parse_document(text, shown), _newline(text))
    if model := model_key(key):
        field, expected = model[1], _with_model(before, *model, wanted)
        changed = edit.set_of_model(*model, _written(field, value, wanted))
    else:
        expected = replace(before, values={**before.values, key: Given(wanted, 0)})
        changed = edit.set(key, _written(key, value, wanted))
    if not _says(changed, expected):
        raise ConfigError(f"{shown}: {key} cannot be set safely in the way this file is laid out; change it by hand")
    return changed


def without_value(text: str, key: str, shown: str) -> str:
    """`text` without `key`, or without a model and all that is said of it (`models[NAME]`).

    It comes back as it is where it says nothing of that.

    Raises ConfigError as `with_value` does.
    """
    before = settings_in(text, shown)
    edit = _Edit(text, parse_document(text, shown), _newline(text))
    if model := model_key(key):
        if model[1]:
            _kind_of(key)
        changed, expected = edit.without_model(*model), _without_model(before, *model)
    else:
        _kind_of(key)
        values = {name: given for name, given in before.values.items() if name != key}
        changed, expected = edit.without(key), replace(before, values=values)
    if not _says(changed, expected):
        raise ConfigError(f"{shown}: {key} cannot be removed safely in the way this file is laid out; do it by hand")
    return changed


def model_key(key: str) -> tuple[str, str] | None:
    """The model and its key in `models[NAME].KEY`, the key "" in `models[NAME]`; None for any other key."""
    match = _MODEL_KEY.fullmatch(key)
    return (_short(match["name"]), match["key"] or "") if match else None


def _short(name: str) -> str:
    """A model's name as it counts; raises ConfigError."""
    try:
        return ModelName.parse(name).short
    except InvalidName as error:
        raise ConfigError(f"{MODELS_KEY}[{name}]: {error.message}") from None


def _with_model(before: FileSettings, name: str, field: str, wanted: object) -> FileSettings:
    known = {model.name: model for model in before.models}
    said: dict[str, Any] = {field: wanted}
    changed = replace(known.get(name, ModelSettings(name=name)), **said)
    return replace(before, models=tuple((known | {name: changed}).values()))


def _without_model(before: FileSettings, name: str, field: str) -> FileSettings:
    if not field:
        return replace(before, models=tuple(model for model in before.models if model.name != name))
    said: dict[str, Any] = {field: None}
    models = (replace(model, **said) if model.name == name else model for model in before.models)
    return replace(before, models=tuple(models))


def _kind_of(key: str) -> Kind:
    model = model_key(key)
    kinds = {row.key: row.kind for row in MODEL_KEYS if row.key != "name"} if model else KINDS
    name = model[1] if model else key
    kind = kinds.get(name)
    if kind is None:
        near = nearest(name, kinds)
        raise ConfigError(f"unknown key {key!r}" + (f"; did you mean {near!r}?" if near else ""))
    return kind


def _checked(key: str, value: str) -> object:
    """The value as it counts; raises ConfigError."""
    kind = _kind_of(key)
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


def _says(text: str, expected: FileSettings) -> bool:
    try:
        after = settings_in(text, "")
    except ConfigError:
        return False
    return _values(after) == _values(expected) and after.models == expected.models


def _values(said: FileSettings) -> dict[str, object]:
    return {name: given.value for name, given in said.values.items()}


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

    def set_of_model(self, name: str, field: str, written: str) -> str:
        """The text with `field` of the model `name` set; a model that is not listed comes last."""
        found = self._model(name)
        if found is not None:
            value = found.get(field)
            if value is None:
                return self._added(found, f"{field}: {written}")
            return self._replaced(next(each for each, _ in found.pairs if each.text == field), value, written)
        return self._with_entry(name, field, written)

    def _with_entry(self, name: str, field: str, written: str) -> str:
        """The text with a further model; unchanged where the layout has no place for it."""
        listed = self.root.get(MODELS_KEY)
        entry = f"{{name: {json.dumps(name)}, {field}: {written}}}"
        if listed is None and not self.root.is_flow:
            indent = self._indent(self.root)
            return self._appended(f"{indent}{MODELS_KEY}:{self.newline}{self._entry(indent, name, field, written)}")
        if isinstance(listed, Scalar) and not self.text[listed.start : listed.end].strip():  # `models:` alone
            end = self._line_end(next(each for each, _ in self.root.pairs if each.text == MODELS_KEY).end)
            indent = self._indent(self.root)
            return self.text[:end] + self.newline + self._entry(indent, name, field, written) + self.text[end:]
        if isinstance(listed, Items) and listed.items and not listed.is_flow:
            end = self._line_end(self._trimmed(content_end(listed)))
            start = self.text.rindex("-", 0, listed.items[-1].start)
            indent = self.text[self.text.rfind("\n", 0, start) + 1 : start]
            return self.text[:end] + self.newline + self._entry(indent, name, field, written, "") + self.text[end:]
        if isinstance(listed, Items) and listed.is_flow:
            inside = self.text[listed.start + 1 : listed.end - 1].rstrip().rstrip(",")
            comma = ", " if inside else ""
            return f"{self.text[: listed.start + 1]}{inside}{comma}{entry}{self.text[listed.end - 1 :]}"
        return self.text

    def _entry(self, indent: str, name: str, field: str, written: str, step: str = _INDENT) -> str:
        lines = (f"{indent}{step}- name: {_written('name', name, name)}", f"{indent}{step}  {field}: {written}")
        return self.newline.join(lines)

    def without(self, key: str) -> str:
        """The text without `key`."""
        section, _, name = key.partition(".")
        found = self.root.get(section)
        return self._removed(found, name) if isinstance(found, Pairs) else self.text

    def without_model(self, name: str, field: str) -> str:
        """The text without `field` of the model `name`, or without the model where no field is named."""
        found = self._model(name)
        if found is None:
            return self.text
        if field:
            return self._removed(found, field)
        start = self.text.rfind("\n", 0, found.pairs[0][0].start) + 1
        return self._cut(start, self._trimmed(content_end(found)))

    def _model(self, name: str) -> Pairs | None:
        listed = self.root.get(MODELS_KEY)
        for item in listed.items if isinstance(listed, Items) else ():
            said = item.get("name") if isinstance(item, Pairs) else None
            if isinstance(said, Scalar) and _short(said.text) == name:
                return item if isinstance(item, Pairs) else None
        return None

    def _removed(self, group: Pairs, name: str) -> str:
        place = next((place for place, (key, _) in enumerate(group.pairs) if key.text == name), None)
        if place is None:
            return self.text
        key, value = group.pairs[place]
        end = self._trimmed(max(key.end + 1, content_end(value)))
        if not group.is_flow:
            return self._cut(self.text.rfind("\n", 0, key.start) + 1, end)
        if place + 1 < len(group.pairs):
            return self.text[: key.start] + self.text[group.pairs[place + 1][0].start :]
        before = self.text[: key.start].rstrip()
        return before.removesuffix(",") + self.text[end:]

    def _cut(self, start: int, end: int) -> str:
        """Without the lines from `start`, which begins one, to the one that holds `end`."""
        after = self.text.find("\n", end)
        return self.text[:start] + ("" if after < 0 else self.text[after + 1 :])

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
