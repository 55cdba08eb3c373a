"""Tiny models in the layouts in which real ones are published, with what they answer; they live as long as the run."""

from functools import cache
from pathlib import Path
from typing import Any

from tampu.engine.view import Places, opened
from tampu.gguf.header import Header
from tampu.gguf.reader import read_header
from tampu.gguf.translate.plan import View
from tampu.gguf.translate.planning import holds_projector, projector_view, text_view
from tests.models import models_folder
from tests.recordings import GOLDEN, recorded_bytes, recording

NAMES = sorted(
    path.name.removesuffix(".json.gz")
    for path in (GOLDEN / "gguf").glob("*.json.gz")
    if path.name != "malformed.json.gz"
)
NATIVE = [name for name in NAMES if name.startswith("plain-")]
"""Those that the engine reads as they are."""
SEPARATE_PROJECTORS = {"llava": "llava-mmproj"}


@cache
def published_model(name: str) -> Path:
    """The file of a model, as it is stored."""
    path = models_folder() / f"published-{name}.gguf"
    path.write_bytes(recorded_bytes(f"gguf/{name}.gguf"))
    return path


@cache
def published_answers(name: str) -> Any:
    """What is recorded of it."""
    return recording(f"gguf/{name}.json")


def views_of(name: str) -> tuple[View | None, View | None]:
    """What an engine gets in the place of its text and its projector; None for the stored file, or for nothing."""
    model = published_model(name)
    header = read_header(model)
    if name in SEPARATE_PROJECTORS:
        projector = published_model(SEPARATE_PROJECTORS[name])
        return text_view(model, header), projector_view(projector, read_header(projector))
    return planned_views(model, header)


def planned_views(model: Path, header: Header) -> tuple[View | None, View | None]:
    """The same of any file that is its own projector, or has none."""
    return text_view(model, header), projector_view(model, header) if holds_projector(header) else None


def written(view: View, target: Path) -> Path:
    """A view as a plain file."""
    with opened(view, Places(folder=target.parent / "views", memory_bytes=0)) as made:
        target.write_bytes(made.path.read_bytes())
    return target
