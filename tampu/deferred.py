"""Attributes of modules that are imported when they are first used: a program starts with what it needs at once.

This is the one exception from the rule that imports stand at the top. It is for tables of which a run uses little, and
for what is heavy and seldom needed. Modules and attributes are named in full in calls of what is
defined here: the architecture tests read those names as imports, and see that each is there.
"""

import sys
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from anyio import to_thread


def load(module: str, name: str) -> Any:
    """The attribute; what loads slowly is loaded before the event loop runs, or in a thread."""
    return getattr(import_module(module), name)


@dataclass(frozen=True, slots=True)
class Deferred:
    """A function of another module, for a table of which few entries are used."""

    module: str
    name: str

    def __call__(self, *values: Any, **named: Any) -> Any:
        return load(self.module, self.name)(*values, **named)


async def loaded(module: str, name: str) -> Any:
    """The attribute; where its module is not loaded yet, a thread does that."""
    if module not in sys.modules:
        await to_thread.run_sync(import_module, module)
    return load(module, name)  # waits for a module that is being loaded


def later(module: str, name: str) -> Callable[..., Coroutine[Any, Any, Any]]:
    """A coroutine function of another module."""

    async def call(*values: Any, **named: Any) -> Any:
        return await (await loaded(module, name))(*values, **named)

    return call


def events_later(module: str, name: str) -> Callable[..., AsyncGenerator[Any, None]]:
    """A generator function of another module, an asynchronous one."""

    async def events(*values: Any, **named: Any) -> AsyncGenerator[Any, None]:
        async with aclosing((await loaded(module, name))(*values, **named)) as found:
            async for event in found:
                yield event

    return events
