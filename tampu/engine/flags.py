"""The parameters of an engine as flags of a `llama-server` binary, as far as that binary knows them. Pure.

Releases differ in what they know and in what they call it: a row lists the names of a flag, newest first. What a binary
does not know is left out; what would go wrong without it is decided before, by `Abilities`.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tampu.engine.parameters import Parameter

_MIB: Final = 1 << 20
_SPECULATION_FLAG: Final = "--spec-type"


@dataclass(frozen=True, slots=True)
class Abilities:
    """What a binary can be told: the flags that its help lists."""

    flags: frozenset[str]
    has_levels: bool = False
    """Whether its levels of verbosity are those of the bundled engine."""

    @property
    def is_unified(self) -> bool:
        """Whether its slots can share one cache and still have a limit of their own."""
        return {"--kv-unified", "--kv-unified-per-slot"} <= self.flags

    @property
    def keeps_slots(self) -> bool:
        """Whether it can write the state of a slot to a file, and tells which slots are busy."""
        return {"--slot-save-path", "--slots"} <= self.flags

    @property
    def guesses(self) -> bool:
        """Whether it can guess ahead from what it has read and written."""
        return {_SPECULATION_FLAG, "--spec-ngram-mod-n-max"} <= self.flags


COMMON: Final = Abilities(
    frozenset(
        "--model --host --port --ctx-size --parallel --batch-size --ubatch-size --cache-type-k --cache-type-v "
        "--flash-attn --threads --n-gpu-layers --pooling --main-gpu --tensor-split --mmproj --image-min-tokens "
        "--image-max-tokens --model-draft --draft-max --lora --no-webui --offline --jinja --no-jinja "
        "--chat-template --context-shift --no-mmap --embeddings".split()
    )
)
"""What the releases of some years know: for a binary that does not tell."""


@dataclass(frozen=True, slots=True)
class _Row:
    """How one parameter becomes words: by the first of `names` that is known; `words` gives what follows a name.

    `words` None drops the flag; empty words leave a switch.
    """

    parameter: str
    names: tuple[str, ...]
    words: Callable[[Parameter], Sequence[str] | None] = lambda value: [str(value)]


def _when(expected: Parameter) -> Callable[[Parameter], Sequence[str] | None]:
    return lambda value: [] if value == expected else None


def _type_name(value: Parameter) -> Sequence[str]:
    return [str(value).removeprefix("GGML_TYPE_").lower()]


def _flash(value: Parameter) -> Sequence[str]:
    return [{"AUTO": "auto", "ENABLED": "on", "DISABLED": "off"}[str(value).rpartition("_")[2]]]


def _unless_negative(value: Parameter) -> Sequence[str] | None:
    return None if isinstance(value, int) and value < 0 else [str(value)]


def _joined(value: Parameter) -> Sequence[str] | None:
    return [",".join(map(str, value))] if isinstance(value, list) and value else None


def _mebibytes(value: Parameter) -> Sequence[str] | None:
    """A value that is the same for all devices is given once: a binary counts how many devices it has."""
    each = [str(int(count) // _MIB) for count in value] if isinstance(value, list) else []
    return [each[0] if len(set(each)) == 1 else ",".join(each)] if each else None


def _speculation(value: Parameter) -> Sequence[str] | None:
    kinds = value if isinstance(value, list) else []
    names = [str(kind).removeprefix("COMMON_SPECULATIVE_TYPE_").lower().replace("_", "-") for kind in kinds]
    return [",".join(names)] if names else None


_ROWS: Final = (
    _Row("model.path", ("--model",)),
    _Row("hostnames", ("--host",), _joined),
    _Row("port", ("--port",), lambda value: [str(value)] if value else None),
    _Row("n_ctx", ("--ctx-size",)),
    _Row("n_parallel", ("--parallel",)),
    _Row("kv_unified", ("--kv-unified",), _when(True)),
    _Row("kv_unified_per_slot", ("--kv-unified-per-slot",)),
    _Row("n_batch", ("--batch-size",)),
    _Row("n_ubatch", ("--ubatch-size",)),
    _Row("cache_type_k", ("--cache-type-k",), _type_name),
    _Row("cache_type_v", ("--cache-type-v",), _type_name),
    _Row("flash_attn_type", ("--flash-attn",), _flash),
    _Row("cpuparams.n_threads", ("--threads",)),
    _Row("cpuparams_batch.n_threads", ("--threads-batch",)),
    _Row("n_gpu_layers", ("--n-gpu-layers",), _unless_negative),
    _Row("fit_params", ("--fit",), lambda value: ["on" if value else "off"]),
    _Row("fit_params_target", ("--fit-target",), _mebibytes),
    _Row("devices", ("--device",), _joined),
    _Row("main_gpu", ("--main-gpu",)),
    _Row("tensor_split", ("--tensor-split",), _joined),
    _Row("pooling_type", ("--pooling",), lambda value: [str(value).rpartition("_")[2].lower()]),
    _Row("mmproj.path", ("--mmproj",)),
    _Row("image_min_tokens", ("--image-min-tokens",)),
    _Row("image_max_tokens", ("--image-max-tokens",)),
    _Row("speculative.types", (_SPECULATION_FLAG,), _speculation),
    _Row("speculative.draft.mparams.path", ("--spec-draft-model", "--model-draft")),
    _Row("speculative.draft.n_max", ("--spec-draft-n-max", "--draft-max")),
    _Row("speculative.ngram_mod.n_match", ("--spec-ngram-mod-n-match",)),
    _Row("speculative.ngram_mod.n_min", ("--spec-ngram-mod-n-min",)),
    _Row("speculative.ngram_mod.n_max", ("--spec-ngram-mod-n-max",)),
    _Row("cache_ram_mib", ("--cache-ram",)),
    _Row("n_threads_http", ("--threads-http",)),
    _Row("slot_save_path", ("--slot-save-path",)),
    _Row("chat_template", ("--chat-template",)),
    _Row("ui", ("--no-ui", "--no-webui"), _when(False)),
    _Row("endpoint_slots", ("--slots",), _when(True)),
    _Row("offline", ("--offline",), _when(True)),
    _Row("use_jinja", ("--no-jinja",), _when(False)),
    _Row("use_jinja", ("--jinja",), _when(True)),
    _Row("ctx_shift", ("--context-shift",), _when(True)),
    _Row("embedding", ("--embeddings",), _when(True)),
)
_HEADING: Final = re.compile(r"-[\w-]+(?:,\s*-[\w-]+)*")
"""The names at the beginning of a line of a help page."""
_LEVEL: Final = "--verbosity"
_LEVEL_MARK: Final = "- 2: warning"
_LOAD_MODE: Final = "--load-mode"
_NO_MAP: Final = "--no-mmap"


def binary_flags(parameters: Mapping[str, Parameter], abilities: Abilities) -> list[str]:
    """The command line of a binary, without its own name. The key is not among it."""
    return list(_flags(parameters, abilities))


def _flags(parameters: Mapping[str, Parameter], abilities: Abilities) -> Iterator[str]:
    for row in _ROWS:
        name = next((name for name in row.names if name in abilities.flags), None)
        words = row.words(parameters[row.parameter]) if name and row.parameter in parameters else None
        if name is not None and words is not None:
            yield from (name, *words)
    adapters = parameters.get("lora_adapters")
    for path in adapters if isinstance(adapters, list) else ():
        yield from ("--lora", str(path))
    if abilities.has_levels and "verbosity" in parameters:
        yield from (_LEVEL, str(parameters["verbosity"]))
    mode = str(parameters.get("load_mode", "")).removeprefix("LLAMA_LOAD_MODE_").lower()
    if _LOAD_MODE in abilities.flags and mode:
        yield from (_LOAD_MODE, mode)
    elif mode == "none":
        yield _NO_MAP


def abilities_told(help_text: str) -> Abilities:
    """The flags that a help page lists; those that it lists only to say that they are gone are none."""
    flags: set[str] = set()
    entry: set[str] = set()
    for line in help_text.splitlines():
        if heading := _HEADING.match(line):
            flags |= entry
            entry = set(re.split(r",\s*", heading[0]))
        if "argument has been removed" in line:
            entry = set()
    return Abilities(frozenset(flags | entry), has_levels=_LEVEL_MARK in help_text)
