"""Loads for tests: a model by its name, with numbers that are easy to reckon with."""

from pathlib import Path
from typing import Any

from tampu.descriptions import ModelDetails
from tampu.engine.spec import EngineSpec, Placement
from tampu.gguf.footprint import Footprint
from tampu.scheduler.records import LoadPlan, LoadRequest
from tampu.units import KeepAlive

MB = 10**6


def load(
    weights: str,
    *,
    name: str = "",
    keep_alive: float | KeepAlive | None = None,
    trained_ctx: int = 2048,
    weights_mb: int = 1,
    kv_bytes: int = 0,
    **spec: Any,
) -> LoadRequest:
    return LoadRequest(
        name=name or weights,
        digest=f"digest of {name or weights}",
        spec=EngineSpec(model_path=Path(f"/models/{weights}.gguf"), **spec),
        footprint=Footprint(weights_bytes=weights_mb * MB, kv_bytes_per_token=kv_bytes),
        details=ModelDetails(format="gguf", family="llama", parent_model="x", context_length=2048),
        trained_ctx=trained_ctx,
        keep_alive=KeepAlive.of_seconds(keep_alive) if isinstance(keep_alive, int | float) else keep_alive,
    )


def plan(request: LoadRequest, *, num_ctx: int = 2048, automatic_ctx: int = 2048, memory_mb: int = 0) -> LoadPlan:
    placement = Placement(num_ctx=num_ctx, slots=4, memory_bytes=memory_mb * MB)
    return LoadPlan(request=request, placement=placement, automatic_ctx=automatic_ctx)
