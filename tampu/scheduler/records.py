"""What the scheduler is asked for and what it knows: plain data that policy decides on."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from tampu.config import Settings
from tampu.descriptions import ModelDetails
from tampu.engine.protocol import EngineProcess, LoadProgress
from tampu.engine.spec import EngineSpec, Placement
from tampu.gguf.footprint import Footprint
from tampu.hardware.accelerators import Device
from tampu.scheduler.spread import NO_RULES, Rules, left
from tampu.units import KeepAlive


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadRequest:
    """A model that a request wants loaded. `name` and `digest` are what `ps` shows for the one that loaded it.

    `keep_alive` None leaves a resident's own value in force, which begins as `default_keep_alive`, None being that of
    the limits. `trained_ctx`: the context the model was trained for, 0 if unknown; more is never given.
    """

    name: str
    digest: str
    spec: EngineSpec
    footprint: Footprint
    details: ModelDetails
    trained_ctx: int = 0
    keep_alive: KeepAlive | None = None
    default_keep_alive: KeepAlive | None = None

    @property
    def key(self) -> str:
        """Models with the same weights share one engine, whatever they are called."""
        return str(self.spec.model_path)

    @property
    def engine_key(self) -> str:
        """One engine at a time has this key. Vectors have their own: a chat model asked for both needs no reloads."""
        return f"{self.key} (vectors)" if self.spec.embedding else self.key


ProgressCallback = Callable[[LoadProgress], None]
StartEngine = Callable[[EngineSpec, Placement, ProgressCallback], Awaitable[EngineProcess]]
"""Start a child and wait until it is ready. Cancelled or failing, it leaves no process behind."""

_MODELS_PER_DEVICE: Final = 3
_MOST_SLOTS: Final = 256
"""The engine starts with no more."""
_FIVE_MINUTES: Final = KeepAlive.of_seconds(300)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The numbers that policy works with. `num_parallel` 0 and `cores` 0: automatic."""

    max_loaded: int = _MODELS_PER_DEVICE
    max_queue: int = 512
    num_parallel: int = 0
    keep_alive: KeepAlive = _FIVE_MINUTES
    kv_cache_type: str = "f16"
    flash_attention: bool | None = None
    cores: int = 0
    devices: tuple[Device, ...] = ()
    """What the engine can compute on beside the processor, each with its free memory before anything was loaded."""
    spreading: Rules = NO_RULES

    @classmethod
    def of_settings(cls, settings: Settings, *, cores: int = 0, devices: tuple[Device, ...] = ()) -> "Limits":
        """The limits that the settings ask for on a machine with so many usable cores and these devices."""
        return cls(
            max_loaded=settings.max_loaded_models or _MODELS_PER_DEVICE * max(len(devices), 1),
            max_queue=settings.max_queue,
            num_parallel=min(settings.num_parallel, _MOST_SLOTS),
            keep_alive=settings.keep_alive,
            kv_cache_type=_possible_cache_type(settings.kv_cache_type, settings.flash_attention),
            flash_attention=settings.flash_attention,
            cores=cores,
            devices=devices,
            spreading=Rules(settings.gpu_overhead_bytes, everywhere=settings.sched_spread),
        )

    def beside(self, placements: Iterable[Placement]) -> "Limits":
        """The same where these are loaded: the devices have so much less room."""
        if not self.devices:
            return self
        return replace(self, devices=left(self.devices, (placement.device_bytes for placement in placements)))

    def of_model(self, spec: EngineSpec) -> "Limits":
        """The limits for one model: what is set for it alone goes before what is set for all."""
        if spec.slots is None and spec.kv_cache_type is None and spec.flash_attention is None:
            return self
        flash_attention = self.flash_attention if spec.flash_attention is None else spec.flash_attention
        return replace(
            self,
            num_parallel=self.num_parallel if spec.slots is None else min(spec.slots, _MOST_SLOTS),
            kv_cache_type=_possible_cache_type(spec.kv_cache_type or self.kv_cache_type, flash_attention),
            flash_attention=flash_attention,
        )


def _possible_cache_type(kv_cache_type: str, flash_attention: bool | None) -> str:
    """A quantized cache can be read by flash attention alone."""
    return "f16" if kv_cache_type.startswith("q") and flash_attention is False else kv_cache_type


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadPlan:
    """What is loaded, or about to be, and how.

    `automatic_ctx`: the context it would have got without a wish. `refused`: what was tried first, for which the memory
    was too small; None: nothing.
    """

    request: LoadRequest
    placement: Placement
    automatic_ctx: int
    refused: Placement | None = None


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
    refused: Placement | None = None
