"""What differs between the settings of a server that runs and those read anew, and what of it can count. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from tampu.config.settings import Settings
from tampu.config.table import SETTINGS, Counts, Setting

_LIVE = frozenset({Counts.AT_ONCE, Counts.NEXT_LOAD})


@dataclass(frozen=True, slots=True)
class Change:
    """What became of a change. `settings` is in force from now on; `waiting` need a restart; `models` by name."""

    settings: Settings
    taken: tuple[Setting, ...]
    waiting: tuple[Setting, ...]
    models: tuple[str, ...]

    @property
    def is_none(self) -> bool:
        """Whether all is as it was."""
        return not (self.taken or self.waiting or self.models)


def change(old: Settings, new: Settings) -> Change:
    """Take over from `new` what a running server may; what it may not keeps its old value."""
    differing = [setting for setting in SETTINGS if getattr(old, setting.name) != getattr(new, setting.name)]
    taken = tuple(setting for setting in differing if setting.counts in _LIVE)
    waiting = tuple(setting for setting in differing if setting.counts is Counts.RESTART)
    values = {setting.name: getattr(new, setting.name) for setting in taken}
    settings = replace(old, **values, models=new.models, warnings=new.warnings, sources=new.sources)
    return Change(settings, taken, tuple(_of_server(waiting)), _changed_models(old, new))


def _of_server(settings: Iterable[Setting]) -> Iterable[Setting]:
    """That another file is read from now on is no wish that waits for a restart."""
    return (setting for setting in settings if setting.name != "config_file")


def _changed_models(old: Settings, new: Settings) -> tuple[str, ...]:
    names = dict.fromkeys(model.name for model in (*old.models, *new.models))
    return tuple(name for name in names if old.of_model(name) != new.of_model(name))
