"""What a child is told to run: the parameters of an engine, by the names of the bundled one (see `flags.py`). Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tampu.engine.spec import EngineSpec, Placement

Parameter = str | int | float | bool | list[str] | list[int]

COMPLETION_BATCH: Final = 512
EMBEDDING_BATCH: Final = 2048
LONGEST_GUESS: Final = 64
"""Tokens guessed at once; the engine's own limit where it guesses what repeats. More are never all right."""
EMBEDDING_SLOTS: Final = 16
"""Texts that may share one batch. They also share the cache, which lasts for no longer than a text is read."""
_WARM_UP_TOKENS: Final = 2
BOUND_SPINS: Final = "3000"
FREE_SPINS: Final = "300"
_THREAD_VARIABLES: Final = ("OMP_PROC_BIND", "OMP_PLACES", "OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
FAILS_AT_ONCE: Final = {"GGML_NO_BACKTRACE": "1"}
"""An engine that fails a check of its own would call a debugger and print where it was: three seconds for nothing."""
QUIET: Final = 2
"""Warnings and errors: the information lines, several a request, cost time and say nothing to users."""
_MIB: Final = 1 << 20
_OWN_MARGIN_BYTES: Final = 1 << 30
_MOST_DEVICES: Final = 16
_CACHE_TYPES: Final = {"f32": "GGML_TYPE_F32", "f16": "GGML_TYPE_F16", "bf16": "GGML_TYPE_BF16"} | {
    name: f"GGML_TYPE_{name.upper()}" for name in ("q8_0", "q5_1", "q5_0", "q4_1", "q4_0")
}
_FLASH_ATTENTION: Final = {
    None: "LLAMA_FLASH_ATTN_TYPE_AUTO",
    True: "LLAMA_FLASH_ATTN_TYPE_ENABLED",
    False: "LLAMA_FLASH_ATTN_TYPE_DISABLED",
}
_LOAD_MODES: Final = {None: "LLAMA_LOAD_MODE_AUTO", True: "LLAMA_LOAD_MODE_MMAP", False: "LLAMA_LOAD_MODE_NONE"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where a child shall listen: a socket file, or a port of the loopback address (0: any free one)."""

    socket: Path | None
    port: int = 0

    @property
    def host(self) -> str:
        """The host as the engine wants it named."""
        return "127.0.0.1" if self.socket is None else str(self.socket)


def batch_size(spec: EngineSpec, placement: Placement) -> int:
    """Prompt tokens evaluated at once. An embedding model must see a whole input at once."""
    automatic = min(EMBEDDING_BATCH, placement.num_ctx) if spec.embedding else COMPLETION_BATCH
    given = spec.num_batch if spec.num_batch is not None and spec.num_batch > 0 else 0
    wanted = given or max(automatic, placement.computed_batch)
    # The engine aborts where a batch cannot hold one token of every slot, or the two that it warms up with.
    return max(wanted, placement.slots, _WARM_UP_TOKENS)


def longest_guess(spec: EngineSpec, placement: Placement) -> int:
    """Tokens that each slot may guess at once; the engine aborts where a batch cannot hold those of all slots."""
    return min(LONGEST_GUESS, batch_size(spec, placement) // placement.slots - 1)


def engine_parameters(
    spec: EngineSpec,
    placement: Placement,
    *,
    endpoint: Endpoint,
    key: str,
    cache_bytes: int,
    verbosity: int = QUIET,
    is_unified: bool = True,
) -> dict[str, Parameter]:
    """Parameters of an engine, by the dotted names of the bundled one.

    All requests share one unified key/value cache that has room for every slot's whole context; the limit of a slot
    is exactly `num_ctx`, while separate caches would round it up to a multiple of 256. An engine that has none such
    (not `is_unified`) divides the context evenly among its slots.
    """
    slots = _slots(spec, placement, is_unified=is_unified)
    parameters: dict[str, Parameter] = {
        "model.path": str(spec.model_path),
        "hostnames": [endpoint.host],
        "port": endpoint.port,
        "api_keys": [key],
        "cors_origins": "",
        "ui": False,
        # What it tells of its slots it tells between two steps: one that does not has not come to the end of its own.
        "endpoint_slots": True,
        "endpoint_props": False,
        "endpoint_metrics": False,
        "n_ctx": placement.num_ctx * placement.slots,
        "n_parallel": slots,
        "kv_unified": True,
        "kv_unified_per_slot": placement.num_ctx,
        **_batches(spec, placement),
        "n_gpu_layers": spec.num_gpu,
        # Only where the engine chooses what goes to a device may it look how much fits there.
        "fit_params": spec.num_gpu < 0,
        **_cache(placement),
        "load_mode": _LOAD_MODES[spec.use_mmap],
        "ctx_shift": spec.context_shift and not spec.embedding,
        "embedding": spec.embedding,
        "cache_ram_mib": cache_bytes // _MIB,
        "use_jinja": spec.uses_own_template,
        # Each open stream holds one of the engine's HTTP threads; tokenising must get one besides.
        "n_threads_http": slots + 8,
        "verbosity": verbosity,
        "offline": True,
    }
    return parameters | _threads(spec, placement) | _optional_parameters(spec, placement)


def _slots(spec: EngineSpec, placement: Placement, *, is_unified: bool) -> int:
    if not (spec.embedding and is_unified):
        return placement.slots
    batch = batch_size(spec, placement)
    most = max(placement.slots, min(EMBEDDING_SLOTS, batch))
    # The engine makes room for a batch that is shared evenly among its slots, and aborts where that leaves a rest.
    return next(count for count in range(most, 0, -1) if batch % count == 0)


def _batches(spec: EngineSpec, placement: Placement) -> dict[str, Parameter]:
    batch = batch_size(spec, placement)
    computed = batch if spec.embedding else min(batch, placement.computed_batch or COMPLETION_BATCH)
    return {"n_batch": batch, "n_ubatch": computed}


def _cache(placement: Placement) -> dict[str, Parameter]:
    kind = _CACHE_TYPES.get(placement.kv_cache_type, "GGML_TYPE_F16")
    flash = _FLASH_ATTENTION[placement.flash_attention]
    return {"cache_type_k": kind, "cache_type_v": kind, "flash_attn_type": flash}


def _threads(spec: EngineSpec, placement: Placement) -> dict[str, Parameter]:
    threads = spec.num_thread if spec.num_thread > 0 else placement.threads
    return {"cpuparams.n_threads": threads, "cpuparams_batch.n_threads": threads} if threads > 0 else {}


def device_margins(overhead_bytes: int) -> dict[str, Parameter]:
    """What to leave free on each device, where more is wanted than the engine leaves by itself."""
    if overhead_bytes <= _OWN_MARGIN_BYTES:
        return {}
    return {"fit_params_target": [overhead_bytes] * _MOST_DEVICES}


def _devices(spec: EngineSpec, placement: Placement) -> dict[str, Parameter]:
    """Where it goes. Devices that are named are all that the engine knows, and it counts them anew."""
    if placement.device_bytes:
        return {"devices": [name for name, _ in placement.device_bytes]}
    return {} if spec.main_gpu is None else {"main_gpu": spec.main_gpu}


def _optional_parameters(spec: EngineSpec, placement: Placement) -> dict[str, Parameter]:
    parameters = _devices(spec, placement) | _draft(spec, placement)
    if not spec.uses_own_template:
        parameters["chat_template"] = "chatml"
    if spec.pooling is not None:
        parameters["pooling_type"] = f"LLAMA_POOLING_TYPE_{spec.pooling.upper()}"
    if spec.projector_paths:
        parameters["mmproj.path"] = str(spec.projector_paths[0])
        limits = {"image_min_tokens": spec.least_image_tokens, "image_max_tokens": spec.most_image_tokens}
        parameters |= {name: count for name, count in limits.items() if count is not None}
    if spec.adapter_paths:
        parameters["lora_adapters"] = [str(path) for path in spec.adapter_paths]
    return parameters


def _draft(spec: EngineSpec, placement: Placement) -> dict[str, Parameter]:
    """What guesses, and how far; nothing where no guess fits beside the tokens of all slots."""
    length = min(spec.draft_num_predict, longest_guess(spec, placement))
    if length <= 0:
        return {}
    model: dict[str, Parameter] = {}
    if spec.draft_path is not None:
        model["speculative.draft.mparams.path"] = str(spec.draft_path)
    kind = f"COMMON_SPECULATIVE_TYPE_DRAFT_{spec.draft_kind.upper()}"
    return {"speculative.types": [kind], "speculative.draft.n_max": length, **model}


def compute_environment(environment: Mapping[str, str], *, is_bound: bool) -> dict[str, str]:
    """The environment of an engine, which says how its threads wait for one another.

    GNU's OpenMP lets them spin for milliseconds and the system move them about. Where anything else runs, even our own
    server, two then share a core and one burns its slices of time waiting for the other: an answer takes up to twenty
    times as long. `is_bound` gives each thread a core of its own; whatever the case, spins are short. Whoever runs the
    server may say otherwise.
    """
    if any(name in environment for name in _THREAD_VARIABLES):
        return dict(environment)
    bound = {"OMP_PROC_BIND": "true", "OMP_PLACES": "cores", "GOMP_SPINCOUNT": BOUND_SPINS}
    return {**environment, **(bound if is_bound else {"GOMP_SPINCOUNT": FREE_SPINS})}


def binary_environment(environment: Mapping[str, str], key: str) -> dict[str, str]:
    """The environment of a binary: it reads the key from there, where other users cannot see it."""
    return {**environment, "LLAMA_API_KEY": key}
