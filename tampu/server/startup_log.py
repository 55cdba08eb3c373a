"""The lines that a server writes when it starts: what it was told, and where it listens. People look for them."""

import logging
import math
import re

from tampu import OLLAMA_VERSION, __version__
from tampu.config import SETTINGS, Address, Change, Setting, Settings
from tampu.units import FOREVER_NS, NS_PER_S, KeepAlive, format_duration

_log = logging.getLogger("tampu.server")
_FACT = re.compile(r"\b(key|value|default|port)=(.*?)(?= (?:value|default)=|$)")


def log_settings(settings: Settings) -> None:
    """What the server was told, and what of it means nothing. The command has told that already, in no log's form."""
    for warning in settings.warnings:
        _log.warning(_FACT.sub("", warning).strip(), extra=dict(_FACT.findall(warning)))
    for variable in settings.unheeded:
        _log.warning("%s is set and changes nothing here", variable)
    _log.info("server config", extra={"env": f"map[{' '.join(described_settings(settings))}]"})
    # What was asked for, as Ollama tells it; there is no cloud behind this server either way.
    _log.info("Ollama cloud disabled: %s", str(settings.no_cloud).lower())
    if settings.registry:
        who = "whoever has its key" if settings.registry_key else "whoever reaches this server"
        _log.info("a registry at /v2/ shares the stored models with %s", who)


def log_change(changed: Change) -> None:
    """What became of settings that were read anew: their names, never their values."""
    for warning in changed.settings.warnings:
        _log.warning(_FACT.sub("", warning).strip(), extra=dict(_FACT.findall(warning)))
    if changed.is_none:
        _log.info("settings read anew: nothing has changed")
        return
    taken = [setting.key or setting.variable for setting in changed.taken]
    taken += [f"models[{name}]" for name in changed.models]
    if taken:
        _log.info("settings changed", extra={"settings": " ".join(taken)})
    if changed.waiting:
        names = " ".join(setting.key or setting.variable for setting in changed.waiting)
        _log.warning("settings that need a restart of the server have changed", extra={"settings": names})


def log_place(host: str, port: int) -> None:
    """Where it listens: the address and port that were bound."""
    # All addresses are told as Ollama does, by their IPv6 name.
    if host == "0.0.0.0":  # noqa: S104  # recognised, not bound
        host = "::"
    shown = f"[{host}]" if ":" in host else host
    _log.info("Listening on %s:%d (version %s, tampu %s)", shown, port, OLLAMA_VERSION, __version__)


def described_settings(settings: Settings) -> list[str]:
    """Every setting as `VARIABLE:value`, in the order of names, as Ollama writes them."""
    special = {
        "log_level": _level(settings.log_level),
        "origins": f"[{' '.join(settings.allowed_origins)}]",
    }
    return sorted(
        f"{setting.variable}:{special.get(setting.name) or _told(setting, getattr(settings, setting.name))}"
        for setting in SETTINGS
    )


def _told(setting: Setting, value: object) -> str:
    return setting.automatic if setting.automatic and value == setting.default else _shown(value)


def _shown(value: object) -> str:
    match value:
        case bool():
            text = str(value).lower()
        case Address():
            text = value.url
        case KeepAlive(nanoseconds=None) | math.inf:
            text = format_duration(FOREVER_NS)
        case KeepAlive(nanoseconds=int(nanoseconds)):
            text = format_duration(nanoseconds)
        case float():
            text = format_duration(int(value * NS_PER_S))
        case tuple():
            text = f"[{' '.join(map(str, value))}]"
        case _:
            text = "" if value is None else str(value)
    return text


def _level(number: int) -> str:
    """A level as Ollama's log names it, four steps each below debug."""
    if number < 2:
        return "DEBUG" if number else "INFO"
    return f"DEBUG-{4 * (number - 1)}"
