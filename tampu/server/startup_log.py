"""The lines that a server writes when it starts: what it was told, and where it listens. People look for them."""

import logging

import tampu
from tampu.api.native.about import API_LEVEL
from tampu.config import SETTINGS, Address, Settings
from tampu.units import NS_PER_S, KeepAlive, format_duration

_log = logging.getLogger("tampu.server")
_LEVELS = ("INFO", "DEBUG", "TRACE")


def log_start(settings: Settings, *, port: int) -> None:
    """Write them. `port`: the one that was bound."""
    _log.info("server config", extra={"env": f"map[{' '.join(described_settings(settings))}]"})
    _log.info("Ollama cloud disabled: true")
    _log.info(
        "Listening on %s:%d (version %s, tampu %s)",
        settings.address.host or "[::]",
        port,
        API_LEVEL,
        tampu.__version__,
    )


def described_settings(settings: Settings) -> list[str]:
    """Every setting as `VARIABLE:value`, in the order of names, as Ollama writes them."""
    special = {
        "log_level": _LEVELS[min(settings.log_level, len(_LEVELS) - 1)],
        "origins": f"[{' '.join(settings.allowed_origins)}]",
    }
    return sorted(
        f"{setting.variable}:{special.get(setting.name) or _shown(getattr(settings, setting.name))}"
        for setting in SETTINGS
    )


def _shown(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case Address():
            return value.url
        case KeepAlive(nanoseconds=None):
            return "forever"
        case KeepAlive(nanoseconds=int(nanoseconds)):
            return format_duration(nanoseconds)
        case float():
            return "forever" if value == float("inf") else format_duration(int(value * NS_PER_S))
        case _:
            return "" if value is None else str(value)
