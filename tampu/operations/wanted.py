"""What a request wants loaded: a model's files and the options that an engine is started with. Pure."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tampu.config import Settings
from tampu.engine.spec import EngineSpec, Pooling
from tampu.hardware.devices import allowed_processors
from tampu.operations.facts import ModelFacts
from tampu.options import LoadOptions, Options, merge_options
from tampu.scheduler.records import LoadRequest
from tampu.store.model import Model
from tampu.units import KeepAlive

_IMAGE_TOKENS: Final[dict[str, tuple[int | None, int | None]]] = {
    **dict.fromkeys(("qwen2vl", "qwen25vl", "qwen3vl", "qwen3vlmoe"), (1024, None)),
    # As in its first engines; newer ones would make more of a picture.
    "gemma4": (40, 280),
}
"""By architecture: the least and the most tokens that a picture becomes, where the engine has to be told."""
_USUAL_GUESS: Final = 4
_FAMILIES_WITHOUT_SHIFT = frozenset({"deepseek2"})


def wanted_load(
    model: Model,
    facts: ModelFacts,
    options: LoadOptions,
    settings: Settings,
    *,
    keep_alive: KeepAlive | None,
    shift: bool | None = None,
    embedding: bool = False,
) -> LoadRequest:
    """The load that serves `options`. Which values mean the same is the scheduler's to know."""
    own = settings.of_model(model.name.short)
    least, most = _IMAGE_TOKENS.get(facts.architecture, (None, None))
    guesses = 0 if embedding else _tokens_guessed(model, facts, options)
    spec = EngineSpec(
        model_path=model.weights[0],
        shard_paths=model.weights if len(model.weights) > 1 else (),
        projector_paths=_projector_paths(model, facts, embedding=embedding),
        adapter_paths=model.adapters,
        draft_path=model.drafts[0] if model.drafts and guesses else None,
        draft_kind=(guesses and facts.draft_kind) or "simple",
        num_ctx=options.num_ctx or settings.context_length or None,
        num_batch=options.num_batch,
        num_gpu=0 if settings.llm_library.startswith("cpu") else max(options.num_gpu, -1),
        main_gpu=options.main_gpu,
        use_mmap=options.use_mmap,
        num_thread=_threads(options.num_thread),
        draft_num_predict=guesses,
        context_shift=shift if shift is not None else facts.details.family not in _FAMILIES_WITHOUT_SHIFT,
        embedding=embedding,
        pooling=_pooling(facts) if embedding else None,
        least_image_tokens=least,
        most_image_tokens=most,
        slots=own.parallel,
        kv_cache_type=own.kv_cache_type,
        flash_attention=own.flash_attention,
        speculation=own.speculation,
    )
    return LoadRequest(
        name=model.name.short,
        digest=model.digest,
        spec=spec,
        footprint=facts.footprint.with_draft(facts.draft) if guesses and facts.draft else facts.footprint,
        details=facts.details,
        trained_ctx=facts.trained_ctx,
        keep_alive=keep_alive,
        default_keep_alive=own.keep_alive,
    )


def wanted_options(model: Model, settings: Settings, asked: Mapping[str, object]) -> Options:
    """The options of a request: what it asks for, else what is set for the model, else what the model itself says.

    Raises InvalidParameter.
    """
    return merge_options(model.parameters, settings.of_model(model.name.short).options, asked)


def _tokens_guessed(model: Model, facts: ModelFacts, options: LoadOptions) -> int:
    """How many tokens are guessed at once. A layer of the model's own is asked to guess only where that is set."""
    if facts.draft_kind is None:
        return 0
    usual = _USUAL_GUESS if model.drafts else 0
    return max(0, usual if options.draft_num_predict is None else options.draft_num_predict)


def _threads(asked: int) -> int:
    """The threads to compute on, 0 for automatic.

    Each waits for all others at every step: more of them than processors bring the whole machine to a standstill.
    """
    return min(asked, len(allowed_processors())) if asked > 0 else 0


def _projector_paths(model: Model, facts: ModelFacts, *, embedding: bool) -> tuple[Path, ...]:
    """Where the model's projector is: in files of its own, else in its weights if these hold one."""
    holds_own = facts.holds_projector and not embedding
    return model.projectors or (model.weights[:1] if holds_own else ())


def _pooling(facts: ModelFacts) -> Pooling | None:
    """How tokens become one answer, where the engine has to be told."""
    if facts.is_reranker:
        return "rank"
    # The engine's own default for a model that does not say is a vector for every token.
    return None if facts.has_pooling else "mean"
