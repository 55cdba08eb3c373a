"""What the scheduler is asked for and what it knows: plain data that policy decides on."""

from dataclasses import dataclass, field

from tampu.descriptions import ModelDetails
from tampu.engine.spec import EngineSpec, Placement
from tampu.gguf.footprint import Footprint
from tampu.units import KeepAlive


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadRequest:
    """A model that a request wants loaded. `name` and `digest` are what `ps` shows for the one that loaded it.

    `keep_alive` None leaves a resident's own value in force. `trained_ctx`: the context the model was trained for,
    0 if unknown; more is never given.
    """

    name: str
    digest: str
    spec: EngineSpec
    footprint: Footprint
    details: ModelDetails
    trained_ctx: int = 0
    keep_alive: KeepAlive | None = None

    @property
    def key(self) -> str:
        """Models with the same weights share one engine, whatever they are called."""
        return str(self.spec.model_path)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResidentView:
    """A loaded model as others may see it. `expires_ns`: since the epoch, None for never."""

    key: str
    name: str
    digest: str
    details: ModelDetails
    spec: EngineSpec
    placement: Placement
    users: int
    expires_ns: int | None
    waiting: int = field(default=0)
