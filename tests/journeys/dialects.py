"""The models that the dialects were recorded with, on a server of ours."""

from tests.journeys.conftest import Served
from tests.recordings import recording


def make_models(served: Served, *names: str) -> None:
    """Create those of the recorded `v-*` models that are named."""
    for step in recording("dialects/00-setup.json")["steps"]:
        wanted = dict(step.get("json") or {})
        if step["path"] == "/api/create" and wanted.pop("model") in names:
            (file,) = wanted.pop("files")
            wanted.pop("stream")
            served.upload(file, step["json"]["model"], **wanted)


def make_all_models(served: Served) -> None:
    """Create every recorded `v-*` model."""
    steps = recording("dialects/00-setup.json")["steps"]
    make_models(served, *(step["json"]["model"] for step in steps if step["path"] == "/api/create"))
