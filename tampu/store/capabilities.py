"""What a model can do, told from its config, its files and its templates. Pure.

Two answers, as clients of Ollama know them: the full one, and the one that lists show, which never looks at the chat
template inside the weights. The order of both is part of what clients see.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from tampu.errors import TampuError
from tampu.generation import Capability
from tampu.gguf.metadata import Facts
from tampu.store.model import Model, ModelConfig
from tampu.templates.choose import PromptSources, choose_path, go_capabilities, jinja_capabilities
from tampu.templates.template import Template, parse_template

_TEMPLATE_ORDER: Final = (Capability.TOOLS, Capability.INSERT, Capability.THINKING)
_WORDS: Final = {capability.value: capability for capability in Capability}

_NOTHING: Final[frozenset[Capability]] = frozenset()
_CALLS: Final = frozenset({Capability.TOOLS})
_THINKS: Final = frozenset({Capability.THINKING})

# What the built-in parsers understand beyond plain text.
PARSER_CAPABILITIES: Final[dict[str, frozenset[Capability]]] = {
    **dict.fromkeys(
        (
            "qwen3-thinking",
            "qwen3.5",
            "ornith",
            "qwen3-vl-thinking",
            "harmony",
            "cogito",
            "deepseek3",
            "nemotron-3-nano",
            "nemotron-3.5-nano",
            "glm-4.7",
            "gemma4",
            "lfm2-thinking",
            "laguna",
            "poolside-v1",
            "cohere",
            "glimmer",
        ),
        _CALLS | _THINKS,
    ),
    **dict.fromkeys(
        (
            "qwen3",
            "qwen3-coder",
            "qwen3-vl-instruct",
            "ministral",
            "olmo3",
            "functiongemma",
            "gemma4-no-thinking",
            "glm-ocr",
            "lfm2",
        ),
        _CALLS,
    ),
    "olmo3-think": _THINKS,
    "passthrough": _NOTHING,
}
_THINKING_FAMILIES: Final = frozenset({"gptoss", "gpt-oss"})
_DEAF_ARCHITECTURES: Final = frozenset({"nemotron_h_omni"})
_DEAF_PROJECTORS: Final = frozenset({"gemma3nv"})


@dataclass(frozen=True, slots=True, kw_only=True)
class CapabilitySources:
    """All that tells. `weights` None: none, or unreadable. `projectors`: one per layer, None for an unreadable one.

    `go` and `jinja` are what the templates add; `jinja` is None unless the engine's own chat template is in use.
    """

    config: ModelConfig
    weights: Facts | None
    projectors: Sequence[Facts | None] = ()
    go: frozenset[Capability] = _NOTHING
    jinja: frozenset[Capability] | None = None


def sources_of(
    model: Model,
    weights: Facts | None,
    projectors: Sequence[Facts | None] = (),
    *,
    go_template: bool | None = None,
) -> CapabilitySources:
    """The sources of a stored model; `go_template` is the setting that prefers, or refuses, Go templates."""
    template = _template_of(model)
    jinja = weights.chat_template or None if weights is not None else None
    sources = PromptSources(
        renderer=model.config.renderer,
        parser=model.config.parser,
        family=model.config.model_family,
        go=template,
        jinja=jinja,
    )
    uses_jinja = choose_path(sources, go_template=go_template).uses_jinja and jinja is not None
    return CapabilitySources(
        config=model.config,
        weights=weights,
        projectors=projectors,
        go=go_capabilities(template) if template is not None else _NOTHING,
        jinja=jinja_capabilities(jinja) if uses_jinja and jinja is not None else None,
    )


def full_capabilities(sources: CapabilitySources) -> tuple[Capability, ...]:
    """All that the model can do, in the order in which `show` tells it."""
    uses_go = sources.jinja is None
    found = [
        *_declared(sources.config),
        *_in_order(sources.jinja or _NOTHING),
        *_of_weights(sources.weights),
        *(capability for projector in sources.projectors for capability in _of_projector(projector)),
        *_in_order(sources.go if uses_go else _NOTHING),
        *_of_config(sources.config),
    ]
    return _distinct(found, sources)


def list_capabilities(sources: CapabilitySources) -> tuple[Capability, ...]:
    """What lists tell of the model; it may differ from the full answer in tools, thinking and sound."""
    found = [
        *_of_weights(sources.weights),
        *_declared(sources.config),
        *_in_order(sources.go | PARSER_CAPABILITIES.get(sources.config.parser, _NOTHING)),
        *_of_config(sources.config),
        *(Capability.VISION for _ in sources.projectors),
    ]
    return _distinct(found, sources)


def _template_of(model: Model) -> Template | None:
    if model.template is None:
        return None
    try:
        return parse_template(model.template)
    except TampuError:
        # A stored template that does not parse fails the runs that use it; here it merely adds nothing.
        return None


def _declared(config: ModelConfig) -> list[Capability]:
    return [_WORDS[word] for word in config.capabilities if word in _WORDS]


def _of_weights(facts: Facts | None) -> Iterable[Capability]:
    if facts is None:
        return
    yield Capability.EMBEDDING if facts.is_embedding else Capability.COMPLETION
    if facts.has_vision:
        yield Capability.VISION
    if facts.has_audio:
        yield Capability.AUDIO


def _of_projector(facts: Facts | None) -> Iterable[Capability]:
    yield Capability.VISION
    if facts is not None and facts.has_audio and facts.projector_type not in _DEAF_PROJECTORS:
        yield Capability.AUDIO


def _of_config(config: ModelConfig) -> Iterable[Capability]:
    yield from _in_order(PARSER_CAPABILITIES.get(config.parser, _NOTHING))
    if config.model_family in _THINKING_FAMILIES:
        yield Capability.THINKING


def _in_order(capabilities: frozenset[Capability]) -> list[Capability]:
    return [capability for capability in _TEMPLATE_ORDER if capability in capabilities]


def _distinct(found: Iterable[Capability], sources: CapabilitySources) -> tuple[Capability, ...]:
    """Each once, less what the engine does not offer for the family."""
    architecture = sources.weights.architecture if sources.weights is not None else ""
    is_deaf = not _DEAF_ARCHITECTURES.isdisjoint((architecture, sources.config.model_family))
    removed = {Capability.AUDIO} if is_deaf else set()
    return tuple(capability for capability in dict.fromkeys(found) if capability not in removed)
