"""Puts other settings in force while the server runs: whole, in one step, with no request in between."""

from tampu.config import Change, Settings, change
from tampu.hardware.devices import compute_threads
from tampu.operations.services import Services
from tampu.scheduler.records import Limits


def reload(services: Services, new: Settings) -> Change:
    """Take over from `new` what may change while the server runs; says what that is and what waits for a restart.

    What is under way goes on by the settings that it began with.
    """
    changed = change(services.settings, new)
    settings = changed.settings
    services.scheduler.change_limits(Limits.of_settings(settings, cores=compute_threads(), devices=services.scheduler.devices))
    services.pulls.mirrors.change(settings.mirrors)
    services.pulls.downloads.limit(settings.limit_rate)
    services.current.replace(settings)
    return changed
