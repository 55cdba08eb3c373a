"""What the settings file says of single models: one table of the keys of an entry, and the entries as values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tampu.config import kinds
from tampu.config.kinds import Kind
from tampu.units import KeepAlive

MODELS_KEY: Final = "models"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSettings:
    """The settings of one model; None: as for all models, or as the model itself says. `name` is in its short form.

    `path`: its weights on this machine. `gpu`: whether devices are used (None: the engine decides), or which one.
    """

    name: str
    path: Path | None = None
    gpu: bool | int | None = None
    gpu_layers: int | None = None
    context_length: int | None = None
    parallel: int | None = None
    keep_alive: KeepAlive | None = None
    kv_cache_type: str | None = None
    flash_attention: bool | None = None
    threads: int | None = None
    batch_size: int | None = None
    mmap: bool | None = None
    speculation: bool | None = None
    line: int = field(default=0, compare=False)

    @property
    def options(self) -> Mapping[str, object]:
        """What it comes to as a layer of options, between what the model says and what a request asks for."""
        devices: dict[str, object] = {}
        if self.gpu is False:
            devices["num_gpu"] = 0
        elif self.gpu is not None and self.gpu is not True:
            devices["main_gpu"] = self.gpu
        chosen = {
            "num_gpu": self.gpu_layers,
            "num_ctx": self.context_length,
            "num_thread": self.threads,
            "num_batch": self.batch_size,
            "use_mmap": self.mmap,
        }
        return devices | {name: value for name, value in chosen.items() if value is not None}


@dataclass(frozen=True, slots=True)
class ModelKey:
    """One row of the table: a key of an entry, its kind, and what it means."""

    key: str
    kind: Kind
    meaning: str


MODEL_KEYS: Final[tuple[ModelKey, ...]] = (
    ModelKey("name", kinds.MODEL_NAME, "Name of the model, as `list` shows it"),
    ModelKey("path", kinds.PATH, "Its GGUF file, or a folder with its files: the model is made of it, where it lies"),
    ModelKey("gpu", kinds.GPU, "Whether to use GPUs, or the number of the only one to use"),
    ModelKey("gpu_layers", kinds.whole(0), "Layers to put on GPUs"),
    ModelKey("context_length", kinds.whole(1), "Context length in tokens where a request says none"),
    ModelKey("parallel", kinds.whole(1, 256), "Requests that it works on at once"),
    ModelKey("keep_alive", kinds.KEEP_ALIVE, "How long it stays loaded when idle, where a request does not say"),
    ModelKey("kv_cache_type", kinds.CACHE_TYPE, "Type of its key/value cache"),
    ModelKey("flash_attention", kinds.AUTOMATIC_FLAG, "Flash attention"),
    ModelKey("threads", kinds.whole(1, 512), "Threads to compute on where a request says none"),
    ModelKey("batch_size", kinds.whole(1), "Tokens of a prompt that are computed at once where a request does not say"),
    ModelKey("mmap", kinds.FLAG, "Whether its file is mapped into memory instead of read"),
    ModelKey("speculation", kinds.FLAG, "Guess what repeats earlier text and check it in one step"),
)


def model_settings(values: Mapping[str, Any], line: int) -> ModelSettings:
    """An entry of the values that were read from the file, from its line on."""
    return ModelSettings(**values, line=line)
