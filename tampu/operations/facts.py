"""What a run has to know of a stored model: derived from its config, files and templates once, then remembered."""

from collections import OrderedDict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from anyio import to_thread

from tampu.config import Settings
from tampu.descriptions import ModelDetails
from tampu.engine.spec import DraftKind
from tampu.errors import BlobNotFound, CorruptBlob, EngineStartFailed, InvalidTemplate, TampuError, TemplateFailed
from tampu.generation import Capability
from tampu.gguf.adapter import check_fit
from tampu.gguf.footprint import Footprint, footprint, footprint_ahead, layers_ahead
from tampu.gguf.header import Header
from tampu.gguf.metadata import Facts, architecture_of, facts_of, integer
from tampu.gguf.shards import join_headers
from tampu.gguf.soundness import unfit_numbers
from tampu.operations.translation import Planned, check_engine, plan_model
from tampu.parsing.formats.registry import PARSERS
from tampu.store.capabilities import full_capabilities, sources_of
from tampu.store.library import Library
from tampu.store.model import Model
from tampu.store.summary import details_of
from tampu.templates.call_style import DESCRIBED, CallStyle, go_call_style, has_channels, jinja_call_style
from tampu.templates.choose import PromptChoice, PromptPath, PromptSources, choose_path, is_harmony
from tampu.templates.facts import BARE_TAG, ThinkingTags, thinking_tags
from tampu.templates.template import Template, parse_template

_REMEMBERED: Final = 128
_RANK_POOLING: Final = 4
_DEFAULT_TEMPLATE: Final = parse_template("{{ .Prompt }}")
_JINJA_THINKING: Final = ThinkingTags("<think>", "</think>")
"""The tags that the chat templates inside weights files write around thinking, nearly all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """What is known of a model. `trained_ctx` is 0 where unknown.

    `thinking` and `calls` are what the parsers of a run look for; None where only the engine knows.
    `has_channels`: only the engine can read the model's answers at all. `renderer` and `parser` are names that may be
    unknown, "" for none.
    """

    capabilities: frozenset[Capability]
    paths: PromptChoice
    template: Template
    thinking: ThinkingTags | None
    calls: CallStyle | None
    has_channels: bool
    details: ModelDetails
    footprint: Footprint
    trained_ctx: int
    draft: Footprint | None = None
    """That of what guesses for it."""
    draft_kind: DraftKind | None = None
    """What guesses for it: another model, or layers of its own; None: nothing does."""
    renderer: str = ""
    parser: str = ""
    architecture: str = ""
    holds_projector: bool = False
    """Whether the weights hold their own projector."""
    has_weights: bool = True
    is_reranker: bool = False
    has_pooling: bool = True
    """Whether the weights say how the vectors of tokens become one of a text."""


class FactsCache:
    """The facts of the models that were asked for last, by the digest of their manifest."""

    def __init__(self, library: Library, settings: Settings) -> None:
        self._library, self._settings = library, settings
        self._known: OrderedDict[str, ModelFacts] = OrderedDict()

    async def of(self, model: Model) -> ModelFacts:
        """The facts of `model`; raises CorruptBlob, InvalidModelFile for an adapter that does not fit, TemplateFailed.

        Warm, it touches memory only.
        """
        known = self._known.get(model.digest)
        if known is None:
            known = await to_thread.run_sync(self._derive, model)
            if not known.has_weights and model.weights:
                return known  # weights that are missing may come back
            self._known[model.digest] = known
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        else:
            self._known.move_to_end(model.digest)
        return known

    def _derive(self, model: Model) -> ModelFacts:
        header = self._weights_header(model)
        planned = self._plan(model, header) if header is not None else None
        weights = facts_of(header) if header else None
        jinja = weights.chat_template or None if weights else None
        template = run_template(model.template) if model.template is not None else None
        sources = PromptSources(
            renderer=model.config.renderer,
            parser=model.config.parser,
            family=model.config.model_family,
            go=template,
            jinja=jinja,
        )
        paths = choose_path(sources, go_template=self._settings.go_template)
        projectors = [self._facts_of_projector(path) for path in model.projectors]
        capabilities = full_capabilities(sources_of(model, weights, projectors, go_template=self._settings.go_template))
        draft_kind, draft_footprint = self._draft(model, planned)
        return ModelFacts(
            capabilities=frozenset(capabilities),
            paths=paths,
            template=template or _DEFAULT_TEMPLATE,
            thinking=_thinking(sources, paths, frozenset(capabilities)),
            calls=_call_style(sources, paths),
            has_channels=paths.chat is PromptPath.ENGINE and has_channels(jinja or ""),
            details=details_of(model, weights),
            footprint=self._footprint(model, header, planned) if header and planned else Footprint(weights_bytes=0),
            draft=draft_footprint,
            draft_kind=draft_kind,
            architecture=weights.architecture if weights else "",
            holds_projector=planned is not None and planned.holds_projector,
            trained_ctx=weights.context_length if weights else 0,
            renderer=model.config.renderer,
            parser=model.config.parser or ("harmony" if is_harmony(model.config.model_family, template) else ""),
            has_weights=header is not None,
            is_reranker=header is not None and integer(header, "pooling_type") == _RANK_POOLING,
            has_pooling=header is None or integer(header, "pooling_type") > 0,
        )

    def _weights_header(self, model: Model) -> Header | None:
        """The header of the weights; None for a model without, so that it can do nothing that needs them."""
        if not model.weights:
            return None
        try:
            return join_headers([self._library.header(path) for path in model.weights])
        except BlobNotFound:
            return None

    def _plan(self, model: Model, header: Header) -> Planned:
        """What is loaded instead of the weights, whose header is `header`, be they in one file or several."""
        for problem in unfit_numbers(header):
            raise CorruptBlob(f"the weights cannot be run: {problem}")
        _refuse_early_llama_vision(model)
        files = [(path, self._library.header(path)) for path in model.weights]
        planned = plan_model(files, header, translates=self._settings.translates)
        check_engine(planned.header, self._settings)
        for path in model.adapters:
            check_fit(self._library.header(path), planned.header)
        return planned

    def _footprint(self, model: Model, header: Header, planned: Planned) -> Footprint:
        """That of the stored header, whose keys we know, with the tensors that are loaded."""
        projector_bytes = sum(map(self._tensor_bytes, model.projectors[:1]))
        return replace(footprint(header), weights_bytes=planned.weights_bytes + projector_bytes)

    def _draft(self, model: Model, planned: Planned | None) -> tuple[DraftKind | None, Footprint | None]:
        """What guesses for the model, and what it takes besides."""
        if not model.drafts:
            has_own = planned is not None and layers_ahead(planned.header)
            return ("mtp", footprint_ahead(planned.header)) if planned and has_own else (None, None)
        try:
            header = self._library.header(model.drafts[0])
        except TampuError:
            return "simple", None
        return _draft_kind(header), footprint(header)

    def _tensor_bytes(self, path: Path) -> int:
        try:
            return sum(tensor.nbytes for tensor in self._library.header(path).tensors)
        except TampuError:
            return 0

    def _facts_of_projector(self, path: Path) -> Facts | None:
        try:
            return facts_of(self._library.header(path))
        except TampuError:
            return None


def _draft_kind(header: Header) -> DraftKind:
    if architecture_of(header) == "dflash":
        return "dflash"
    return "mtp" if layers_ahead(header) else "simple"


def _refuse_early_llama_vision(model: Model) -> None:
    if model.projectors and "mllama" in (model.config.model_families or ()):
        raise EngineStartFailed(
            "'llama3.2-vision' is no longer compatible with your version of Ollama and has been replaced by a newer "
            "version. To re-download, run 'ollama pull llama3.2-vision'"
        )


def run_template(text: str) -> Template:
    """A template that is about to be run; raises TemplateFailed where it does not even parse."""
    try:
        return parse_template(text)
    except InvalidTemplate as error:
        raise TemplateFailed(error.message) from error


def _call_style(sources: PromptSources, paths: PromptChoice) -> CallStyle | None:
    if paths.chat is PromptPath.ENGINE:
        return jinja_call_style(sources.jinja or "")
    if sources.parser:
        return DESCRIBED
    return go_call_style(sources.go) if sources.go else CallStyle(BARE_TAG)


def _thinking(sources: PromptSources, paths: PromptChoice, capabilities: frozenset[Capability]) -> ThinkingTags | None:
    template, named = sources.go, PARSERS.get(sources.parser)
    if named is not None:
        return _JINJA_THINKING if named.has_think_tags and Capability.THINKING in capabilities else None
    if template and paths.chat is PromptPath.GO_TEMPLATE:
        return thinking_tags(template)
    return _JINJA_THINKING if Capability.THINKING in capabilities else None
