"""The settings file: which one counts, what is in it, and what is wrong with it, told with its line.

Everything in it is checked; nothing of a file with a fault counts.
"""

import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from tampu.config.kinds import PORT, Kind
from tampu.config.models import MODEL_KEYS, MODELS_KEY, ModelSettings, model_settings
from tampu.config.nodes import Items, Node, Pairs, Scalar, is_empty
from tampu.config.table import PORT_KEY, SETTINGS
from tampu.config.values import path as expanded_path
from tampu.errors import ConfigError

MOST_BYTES: Final = 256 * 1024
FILE_VARIABLE: Final = "TAMPU_CONFIG"
_NAMES: Final = ("config.yml", "config.yaml")
_SHOWN_CHARACTERS: Final = 60


@dataclass(frozen=True, slots=True)
class Given:
    """A value of the file, and its line."""

    value: Any
    line: int


@dataclass(frozen=True, slots=True)
class FileSettings:
    """What a file says: values by key, and the models. `has_secret`: whoever reads it learns a key."""

    values: Mapping[str, Given] = field(default_factory=dict)
    models: tuple[ModelSettings, ...] = ()
    has_secret: bool = False


KINDS: Final[Mapping[str, Kind]] = {
    **{setting.key: setting.kind for setting in SETTINGS if setting.key},
    PORT_KEY: PORT,
}
"""Every key of the file but the models, with the kind of its value."""
SECRET_KEYS: Final = frozenset(setting.key for setting in SETTINGS if setting.is_secret)
_SECTIONS: Final = frozenset(key.partition(".")[0] for key in KINDS)


def find_file(environment: Mapping[str, str], user: Path) -> Path | None:
    """The file that counts; None where there is none, or where the null device is named. Raises ConfigError."""
    found = next(filter(_is_there, places_of_file(environment, user)), None)
    if found is None and (named := _named(environment)) not in {"", os.devnull}:
        raise ConfigError(f"{FILE_VARIABLE} names {named!r}, which is not there")
    return found


def _named(environment: Mapping[str, str]) -> str:
    return environment.get(FILE_VARIABLE, "").strip().strip("\"'")


def places_of_file(environment: Mapping[str, str], user: Path) -> list[Path]:
    """Where the file may be, in order; one that is made is made at the first. Empty where there shall be none."""
    named = _named(environment)
    if named:
        return [] if named == os.devnull else [_expanded(named)]
    home = environment.get("XDG_CONFIG_HOME", "").strip()
    # A relative path there is to be ignored, says the standard.
    folder = Path(home) if home and Path(home).is_absolute() else user / ".config"
    return [place / name for place in (user / ".ollama", folder / "ollama") for name in _NAMES]


def _expanded(named: str) -> Path:
    try:
        return expanded_path(named).absolute()
    except ValueError as error:
        raise ConfigError(f"{FILE_VARIABLE}: {error}") from None


def _is_there(path: Path) -> bool:
    """Whether something has that name, be it unreadable. A folder that may not be entered holds nothing for us."""
    try:
        path.stat()
    except PermissionError:
        return False
    except (OSError, ValueError):
        return path.is_symlink()  # one that leads nowhere, or in a circle, is told and not passed over
    return True


def read_text(path: Path) -> str:
    """The text of a settings file; raises ConfigError for one that cannot be read, is no file, or is too long."""
    try:
        # Without O_NONBLOCK a pipe in its place would be waited for.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
        with open(descriptor, "rb") as file:  # noqa: PTH123  # it is open already
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise ConfigError(f"{path} is no regular file; settings are read from files only")
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise ConfigError(f"{path} cannot be read: {why}; make it readable, or move it away") from None
    if len(data) > MOST_BYTES:
        raise ConfigError(f"{path} is longer than {MOST_BYTES // 1024} KiB, the most that settings may take")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}, line {line}: the file is not in UTF-8") from None


def read_file(path: Path) -> FileSettings:
    """What is in the file; raises ConfigError that names the file, the line, the key, the value and what is allowed."""
    return settings_in(read_text(path), str(path))


def settings_in(text: str, shown: str) -> FileSettings:
    """As `read_file`, of a text that errors call `shown`."""
    # Only now: most people have no such file, and YAML costs every command 20 ms.
    from tampu.config.document import parse_document  # noqa: PLC0415

    return _Reader(shown).read(parse_document(text, shown))


class _Reader:
    """Turns one document into settings."""

    def __init__(self, shown: str) -> None:
        self._shown = shown

    def read(self, root: Pairs) -> FileSettings:
        values: dict[str, Given] = {}
        models: tuple[ModelSettings, ...] = ()
        for name, node in root.pairs:
            if is_empty(node):
                self._check_section(name)
            elif name.text == MODELS_KEY:
                models = self._models(node)
            else:
                values |= self._section(name, node)
        return FileSettings(values, models, any(key in values for key in SECRET_KEYS))

    def _check_section(self, name: Scalar) -> None:
        if name.text not in {*_SECTIONS, MODELS_KEY}:
            raise self._unknown(name, name.text)

    def _section(self, name: Scalar, node: Node) -> dict[str, Given]:
        self._check_section(name)
        if not isinstance(node, Pairs):
            inside = [key.partition(".")[2] for key in KINDS if key.startswith(f"{name.text}.")]
            raise self._fault(node.line, f"{name.text} is a section; its keys stand below it: {', '.join(inside)}")
        found: dict[str, Given] = {}
        for key, value in node.pairs:
            path = f"{name.text}.{key.text}"
            if path not in KINDS:
                raise self._unknown(key, path)
            if not is_empty(value):
                found[path] = Given(self._value(KINDS[path], path, value), value.line)
        return found

    def _models(self, node: Node) -> tuple[ModelSettings, ...]:
        if not isinstance(node, Items):
            raise self._fault(
                node.line, "models is a list of models (- name: ...); the folder of models is storage.models"
            )
        found: dict[str, ModelSettings] = {}
        for item in node.items:
            model = self._model(item)
            if model.name in found:
                raise self._fault(item.line, f"models: {model.name!r} is listed twice")
            found[model.name] = model
        return tuple(found.values())

    def _model(self, item: Node) -> ModelSettings:
        if not isinstance(item, Pairs):
            raise self._fault(item.line, "models: each has keys of its own, at least `name`")
        kinds = {row.key: row.kind for row in MODEL_KEYS}
        values: dict[str, Any] = {}
        for key, node in item.pairs:
            path = f"{MODELS_KEY}[].{key.text}"
            if key.text not in kinds:
                raise self._unknown(key, path)
            if not is_empty(node):
                values[key.text] = self._value(kinds[key.text], path, node)
        if "name" not in values:
            raise self._fault(item.line, "models: a model without a name; add `name: NAME`")
        return model_settings(values, item.line)

    def _value(self, kind: Kind, path: str, node: Node) -> Any:
        try:
            return kind.from_file(node)
        except ValueError as error:
            reason = f": {error}" if str(error) else ""
            told = "this value" if path in SECRET_KEYS else _written(node)
            raise self._fault(node.line, f"{path}: {told} is not allowed{reason}; allowed is {kind.allowed}") from None

    def _unknown(self, key: Scalar, path: str) -> ConfigError:
        hint = _hint(path)
        return self._fault(key.line, f"unknown key {_cut(path)!r}" + (f"; {hint}" if hint else ""))

    def _fault(self, line: int, what: str) -> ConfigError:
        return ConfigError(f"{self._shown}, line {line}: {what}")


def _hint(path: str) -> str:
    """What may have been meant: a key that is spelled like it, that ends as it does, or that stands for a variable."""
    name = path.rpartition(".")[2]
    by_variable = {setting.variable: setting.key for setting in SETTINGS if setting.key}
    if name.upper() in by_variable:
        return f"here {name.upper()} is {by_variable[name.upper()]!r}"
    near = nearest(path, _known(path))
    return f"did you mean {near!r}?" if near else ""


def _known(path: str) -> list[str]:
    if path.startswith(f"{MODELS_KEY}[]."):
        return [f"{MODELS_KEY}[].{row.key}" for row in MODEL_KEYS]
    return [*KINDS, *_SECTIONS, MODELS_KEY] if "." not in path else list(KINDS)


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word that is nearest to `word`, or whose last part is; "" where none is near."""
    known = list(known)
    last = {each.rpartition(".")[2]: each for each in reversed(known)}
    for wanted, among in ((word, {each: each for each in known}), (word.rpartition(".")[2], last)):
        # Longer words than any key are far from all, and comparing them takes long.
        if found := get_close_matches(wanted[:_SHOWN_CHARACTERS], among, n=1, cutoff=0.75):
            return among[found[0]]
    return ""


def _written(node: Node) -> str:
    match node:
        case Scalar(text=text):
            return repr(_cut(text))
        case Items():
            return "a list"
        case _:
            return "a group of keys"


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."


def stamps(paths: Iterable[Path]) -> Iterator[tuple[int, int, int] | None]:
    """For each path what changes when the file does; None where there is none."""
    for path in paths:
        try:
            status = path.stat()
        except (OSError, ValueError):
            yield None
        else:
            yield status.st_ino, status.st_size, status.st_mtime_ns
