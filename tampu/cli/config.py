"""`config`: the settings, where each comes from, and the file that holds them. Works on a file that is broken, too."""

import json
import stat
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from tampu.cli.command import command
from tampu.cli.grammar import Words, flag
from tampu.cli.invocation import Invocation
from tampu.client.client import Client
from tampu.config import SETTINGS, Address, Counts, ModelSettings, Setting, Settings, places_of_settings
from tampu.config.file import KINDS, FileSettings, nearest, read_file, read_text
from tampu.config.models import MODEL_KEYS
from tampu.config.shown import as_json, as_text, plain, shown
from tampu.config.table import PORT_KEY
from tampu.errors import BadRequest, ConfigError, TampuError
from tampu.terminal.console import printable
from tampu.terminal.table import table

ACTIONS: Final = {
    "list": "list [--json]",
    "get": "get KEY",
    "set": "set KEY VALUE",
    "unset": "unset KEY",
    "path": "path",
    "check": "check [FILE]",
}
_PATIENCE_S: Final = 1.0
_OPEN_TO_OTHERS: Final = stat.S_IRGRP | stat.S_IROTH


@command(
    "config",
    takes=" | ".join(ACTIONS.values()),
    words=Words(),
    variables=(),
    help="Show, check and change settings",
)
@flag("--json", "as_json", beyond=True, help="Print the settings as a JSON list")
def command_line(invocation: Invocation, words: tuple[str, ...], as_json: bool) -> None:
    """Run one of the actions; raises ConfigError for a file with a fault, BadRequest for words that mean none."""
    action, *rest = words or ("list",)
    run = _RUN.get(action)
    if run is None:
        near = nearest(action, ACTIONS)
        raise BadRequest(f'unknown action "{action}" for "{invocation.program} config"; {_usage(near)}')
    least, most, work = run
    if not least <= len(rest) <= most:
        raise BadRequest(f"usage: {invocation.program} config {ACTIONS[action]}")
    if as_json and action != "list":
        raise BadRequest(f"--json belongs to '{invocation.program} config list'")
    work(invocation, rest, as_json)


def _usage(near: str) -> str:
    return f'did you mean "{near}"?' if near else f"there are {', '.join(ACTIONS)}"


# --- list, get, path ---------------------------------------------------------------------------------------------


def _list(invocation: Invocation, words: list[str], as_json: bool) -> None:  # noqa: ARG001  # takes none
    settings = Settings.read()
    if as_json:
        rows = [*map(_as_row, SETTINGS, _values(settings), _sources(settings))]
        rows += [{"key": f"models[{model.name}]", **_model(model)} for model in settings.models]
        invocation.console.write(json.dumps(rows, indent=2, ensure_ascii=False) + "\n")
        return
    lines = [
        (_name(setting), shown(setting, value), source)
        for setting, value, source in zip(SETTINGS, _values(settings), _sources(settings), strict=True)
    ]
    lines += [
        (f"models[{model.name}].{key}", as_text(value), f"{settings.config_file}:{model.line}")
        for model in settings.models
        for key, value in _model(model).items()
        if key != "name"
    ]
    rows_shown = [tuple(printable(cell) for cell in line) for line in lines]
    invocation.console.write(table(("KEY", "VALUE", "FROM"), rows_shown, trimmed=True))


def _values(settings: Settings) -> Iterator[Any]:
    return (getattr(settings, setting.name) for setting in SETTINGS)


def _sources(settings: Settings) -> Iterator[str]:
    return (settings.sources.get(setting.name, "default") for setting in SETTINGS)


def _as_row(setting: Setting, value: Any, source: str) -> Mapping[str, object]:
    return {
        "key": setting.key or None,
        "variable": setting.variable,
        "value": as_json(setting, value),
        "from": source,
        "counts": setting.counts.value,
    }


def _name(setting: Setting) -> str:
    return setting.key or setting.variable


def _model(model: ModelSettings) -> dict[str, Any]:
    found = {row.key: getattr(model, row.key) for row in MODEL_KEYS}
    return {key: plain(value) for key, value in found.items() if value is not None}


def _get(invocation: Invocation, words: list[str], as_json: bool) -> None:  # noqa: ARG001  # one shape for all
    settings = Settings.read()
    if words[0] == PORT_KEY:
        text = str(settings.address.port)
    else:
        setting = _setting(words[0])
        text = shown(setting, getattr(settings, setting.name))
    invocation.console.write(printable(text) + "\n")


def _setting(name: str) -> Setting:
    """The setting of that key, variable or other name; raises BadRequest."""
    for setting in SETTINGS:
        if name in {setting.key, setting.variable, *setting.also} - {""}:
            return setting
    near = nearest(name, [*KINDS, *(setting.variable for setting in SETTINGS)])
    raise BadRequest(f"unknown setting {name!r}" + (f"; did you mean {near!r}?" if near else ""))


def _path(invocation: Invocation, words: list[str], as_json: bool) -> None:  # noqa: ARG001  # one shape for all
    invocation.console.write(f"{_file()}\n")


def _file() -> Path:
    """The file that counts, or the one that `set` would make; raises ConfigError where there shall be none."""
    places = places_of_settings()
    if not places:
        raise ConfigError("TAMPU_CONFIG says that there shall be no settings file; unset it")
    return next((place for place in places if place.exists() or place.is_symlink()), places[0])


# --- set ---------------------------------------------------------------------------------------------------------


def _set(invocation: Invocation, words: list[str], as_json: bool) -> None:  # noqa: ARG001  # one shape for all
    # Only here: what changes files is needed by nothing else.
    from tampu.config.edit import model_key, with_value  # noqa: PLC0415
    from tampu.config.save import change_file  # noqa: PLC0415

    name, value = words if len(words) > 1 else words[0].partition("=")[::2]
    if not value:
        raise BadRequest(f"usage: {invocation.program} config set KEY VALUE, or KEY=VALUE")
    file = _file()
    if model_key(name):
        change_file(file, lambda text: with_value(text, name, value, str(file)))
        invocation.console.write(f"{name} is set in {file}; it counts {Counts.NEXT_LOAD.value}\n")
        return
    key = name if name == PORT_KEY else _key(name)
    change_file(file, lambda text: with_value(text, key, value, str(file)))
    console = invocation.console
    console.write(f"{key} is set in {file}; it counts {_counts(key).value}\n")
    source = Settings.read().sources.get(_setting_of(key).name, "")
    if source.startswith(("environment", "flag")):
        console.tell(f"{source} goes first: what it says counts as long as it is set\n")


def _unset(invocation: Invocation, words: list[str], as_json: bool) -> None:  # noqa: ARG001  # one shape for all
    # As above.
    from tampu.config.edit import model_key, without_value  # noqa: PLC0415
    from tampu.config.save import change_file  # noqa: PLC0415

    (name,) = words
    key = name if name == PORT_KEY or model_key(name) else _key(name)
    file = _file()
    text = read_text(file) if file.exists() else ""
    if without_value(text, key, str(file)) == text:
        invocation.console.write(f"{file} does not set {key}\n")
        return
    change_file(file, lambda text: without_value(text, key, str(file)))
    invocation.console.write(f"{key} is no longer set in {file}\n")


def _key(name: str) -> str:
    setting = _setting(name)
    if not setting.key:
        raise BadRequest(f"{setting.variable} is a variable only; the file cannot set it")
    return setting.key


def _setting_of(key: str) -> Setting:
    return _setting("server.host" if key == PORT_KEY else key)


def _counts(key: str) -> Counts:
    return _setting_of(key).counts


# --- check -------------------------------------------------------------------------------------------------------


def _check(invocation: Invocation, words: list[str], as_json: bool) -> None:  # noqa: ARG001  # one shape for all
    console = invocation.console
    file = Path(words[0]).absolute() if words else _file()
    if not words and not file.exists() and not file.is_symlink():
        Settings.read()
        console.write(f"no settings file; {file} would be read\n")
        return
    said = read_file(file)
    if not words:
        # With what the variables say, which may have faults of its own.
        for line in _overruled(Settings.read(), said):
            console.write(f"{line}\n")
    for line in _report(file, said):
        console.write(f"{line}\n")
    if not words:
        console.write("".join(f"{line}\n" for line in _of_server(invocation.settings.address)))


def _report(file: Path, said: FileSettings) -> Iterator[str]:
    """What there is to say of a file without fault."""
    if said.has_secret and _is_open_to_others(file):
        yield f"others can read the key in {file}: chmod 600 {file}"
    waiting = [key for key in said.values if _counts(key) is Counts.RESTART]
    if waiting:
        yield f"a change of these needs a restart of the server: {', '.join(waiting)}"
    yield f"{file}: {_counted(len(said.values), 'setting')}, {_counted(len(said.models), 'model')}; no fault"


def _overruled(settings: Settings, said: FileSettings) -> Iterator[str]:
    for key in said.values:
        source = settings.sources.get(_setting_of(key).name, "")
        if source.startswith("environment"):
            yield f"{key} does not count, because {source} goes first"


def _is_open_to_others(file: Path) -> bool:
    return bool(file.stat().st_mode & _OPEN_TO_OTHERS)


def _of_server(address: Address) -> Iterator[str]:
    """What a server that runs here says of its settings. None is started, and one of others says nothing."""
    try:
        findings = Client(address, patience_s=_PATIENCE_S).examine() if address.is_loopback else []
    except TampuError:
        return
    for finding in findings:
        if finding.topic == "settings":
            yield f"the server that runs: {printable(finding.text)}"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


_RUN: Final[Mapping[str, tuple[int, int, Callable[[Invocation, list[str], bool], None]]]] = {
    "list": (0, 0, _list),
    "get": (1, 1, _get),
    "set": (1, 2, _set),
    "unset": (1, 1, _unset),
    "path": (0, 0, _path),
    "check": (0, 1, _check),
}
"""For each action the least and the most words that follow it."""
