"""What a request wants loaded: a model's files and the options that an engine is started with. Pure."""

from tampu.config import Settings
from tampu.engine.spec import EngineSpec, Pooling
from tampu.operations.facts import ModelFacts
from tampu.options import LoadOptions
from tampu.scheduler.records import LoadRequest
from tampu.store.model import Model
from tampu.units import KeepAlive

_MOST_THREADS = 512
"""More make the engine crash."""
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
    spec = EngineSpec(
        model_path=model.weights[0],
        shard_paths=model.weights if len(model.weights) > 1 else (),
        projector_paths=model.projectors,
        adapter_paths=model.adapters,
        draft_path=model.drafts[0] if model.drafts else None,
        num_ctx=options.num_ctx or settings.context_length or None,
        num_batch=options.num_batch,
        num_gpu=max(options.num_gpu, -1),
        main_gpu=options.main_gpu,
        use_mmap=options.use_mmap,
        num_thread=min(max(options.num_thread, 0), _MOST_THREADS),
        draft_num_predict=options.draft_num_predict if model.drafts else 0,
        context_shift=shift if shift is not None else facts.details.family not in _FAMILIES_WITHOUT_SHIFT,
        embedding=embedding,
        pooling=_pooling(facts) if embedding else None,
    )
    return LoadRequest(
        name=model.name.short,
        digest=model.digest,
        spec=spec,
        footprint=facts.footprint,
        details=facts.details,
        trained_ctx=facts.trained_ctx,
        keep_alive=keep_alive,
    )


def _pooling(facts: ModelFacts) -> Pooling | None:
    """How tokens become one answer, where the engine has to be told."""
    if facts.is_reranker:
        return "rank"
    # The engine's own default for a model that does not say is a vector for every token.
    return None if facts.has_pooling else "mean"
