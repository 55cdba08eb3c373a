"""The description of all routes, `openapi.yaml` beside this file: as it was written, and as JSON.

It is read when it is first asked for; turning it into JSON takes a moment, so ask in a thread.
"""

from functools import cache
from importlib.resources import files

import yaml

from tampu.api.dialect import JSON, Reply
from tampu.wire import encode

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The one written in C where PyYAML was built with it."""


@cache
def written() -> Reply:
    """The file as it is."""
    return Reply(200, files("tampu.server").joinpath("openapi.yaml").read_bytes(), "application/yaml")


@cache
def as_json() -> Reply:
    """The same as JSON."""
    return Reply(200, encode(yaml.load(written().body, Loader=_LOADER)), JSON)  # noqa: S506  # both loaders are safe
