"""What an engine is to load, and with which limits. Plain data: two equal specs may share one engine."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Pooling = Literal["none", "mean", "cls", "last", "rank"]
"""How the vectors of a text's tokens become one."""
DraftKind = Literal["simple", "mtp", "dflash"]
"""How guesses are made: by a smaller model of the same kind, or by layers made to follow the model's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSpec:
    """What a request wants loaded; the reload rule is `resident.spec == wanted.spec`.

    None means chosen when it is loaded (see `Placement`), so two requests that leave it open share an engine.
    `num_ctx` counts the tokens of one request, whatever the number of slots.
    """

    model_path: Path
    shard_paths: tuple[Path, ...] = ()
    """The parts of a model that is split, in order, the first of them `model_path`; empty for one whole file."""
    projector_paths: tuple[Path, ...] = ()
    adapter_paths: tuple[Path, ...] = ()
    draft_path: Path | None = None
    num_ctx: int | None = None
    num_batch: int | None = None
    num_gpu: int = -1
    main_gpu: int | None = None
    use_mmap: bool | None = None
    num_thread: int = 0
    draft_kind: DraftKind = "simple"
    draft_num_predict: int = 0
    """Tokens guessed at once by the draft model, or by the model's own last layer where there is none; 0: none."""
    context_shift: bool = True
    embedding: bool = False
    """Serve vectors instead of text; an engine does one or the other."""
    pooling: Pooling | None = None
    """None: as the file says."""
    least_image_tokens: int | None = None
    most_image_tokens: int | None = None
    """How many tokens one picture becomes; None: as the engine thinks best."""
    slots: int | None = None
    kv_cache_type: str | None = None
    flash_attention: bool | None = None
    speculation: bool | None = None
    """How many requests at once, and how: what is set for this model alone; None: as for all models."""
    uses_own_template: bool = True
    """Whether the engine renders chats with the template in the GGUF; False neutralises it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """What was chosen for one load: tokens of context per request, requests at once, threads, bytes expected."""

    num_ctx: int
    slots: int = 1
    threads: int = 0
    memory_bytes: int = 0
    gpu_bytes: int = 0
    device_bytes: tuple[tuple[str, int], ...] = ()
    """Of `memory_bytes`, what is expected on which device; none: wherever the engine puts it."""
    kv_cache_type: str = "f16"
    flash_attention: bool | None = None
    computed_batch: int = 0
    """Tokens computed in one step; 0: as many as is usual."""
    is_final: bool = False
    """Whether nothing that was measured for the model may change it."""
    prompt_cache_bytes: int | None = None
    """Memory for prompts that left their slots; None: a small share of what is free."""
