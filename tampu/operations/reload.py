"""Puts other settings in force while the server runs: whole, in one step, with no request in between."""

from tampu.config import Change, Settings, change
from tampu.operations.services import Services, limits_for


async def reload(services: Services, new: Settings) -> Change:
    """Take over from `new` what may change while the server runs; says what that is and what waits for a restart.

    What is under way goes on by the settings that it began with.
    """
    limits = await limits_for(change(services.settings, new).settings)
    # From here on nothing waits, so that all of it counts at once.
    changed = change(services.settings, new)
    services.scheduler.change_limits(limits)
    services.pulls.mirrors.change(changed.settings.mirrors)
    services.pulls.downloads.limit(changed.settings.limit_rate)
    services.current.replace(changed.settings, waiting=tuple(each.key or each.variable for each in changed.waiting))
    return changed
