"""`show`: all that a stored model tells of itself. `describe` decides what is said, `show` fetches what it needs."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from anyio import to_thread

from tampu.descriptions import ModelDescription, ModelDetails, TensorDescription
from tampu.errors import BadRequest, BlobNotFound, ModelNotFound
from tampu.gguf.header import ArraySummary, Header
from tampu.gguf.metadata import facts_of, parameter_count
from tampu.gguf.shards import join_headers
from tampu.management import ShowRequest
from tampu.messages import Message
from tampu.modelfile.document import Instruction, Kind
from tampu.modelfile.values import quoted, spread
from tampu.modelfile.write import parameter_instructions, write_modelfile
from tampu.names import ModelReference, Source
from tampu.operations.services import Services
from tampu.store.capabilities import CapabilitySources, full_capabilities, sources_of
from tampu.store.library import Library
from tampu.store.model import Model
from tampu.store.summary import details_of

DEFAULT_TEMPLATE: Final = "{{ .Prompt }}"
_LEFT_OUT: Final = frozenset({"general.name", "tokenizer.chat_template"})
_PADDING: Final = 30
# Beyond this, a whole number written as a float would need more digits than it has.
_EXACT: Final = 1e21


@dataclass(frozen=True, slots=True)
class _Parts:
    """A stored model with what its files say."""

    model: Model
    weights: Header | None = None
    projectors: tuple[Header, ...] = ()


async def show(services: Services, request: ShowRequest) -> ModelDescription:
    """Describe the model that the request names; raises BadRequest, ModelNotFound, CorruptBlob, CorruptManifest."""
    return await to_thread.run_sync(_show, services.library, services.settings.go_template, request)


def _show(library: Library, go_template: bool | None, request: ShowRequest) -> ModelDescription:
    if not request.model.strip():
        raise BadRequest("model is required")
    reference = ModelReference.parse(request.model)
    name = reference.stored_name
    model = library.get(name)
    if reference.source is Source.LOCAL and model.is_remote:
        raise ModelNotFound(name.short)
    try:
        parts = _parts_of(library, model, verbose=request.verbose)
    except (BlobNotFound, FileNotFoundError):
        raise ModelNotFound(name.short) from None
    description = describe(
        parts.model, request, weights=parts.weights, projectors=parts.projectors, go_template=go_template
    )
    return replace(description, origin=library.origins.read(model.name, model.digest))


def _parts_of(library: Library, model: Model, *, verbose: bool) -> _Parts:
    if model.is_remote:
        return _Parts(model)
    if not model.weights:
        raise ModelNotFound(model.name.short)
    for path in (*model.weights, *model.projectors, *model.adapters, *model.drafts):
        path.stat()
    header = library.whole_header if verbose else library.header
    return _Parts(model, join_headers([header(path) for path in model.weights]), tuple(map(header, model.projectors)))


def describe(
    model: Model,
    request: ShowRequest,
    *,
    weights: Header | None,
    projectors: Sequence[Header] = (),
    go_template: bool | None = None,
) -> ModelDescription:
    """The description of a model. `weights` None: it runs elsewhere. Headers hold arrays if the request is verbose."""
    facts = facts_of(weights) if weights is not None else None
    sources = sources_of(model, facts, [facts_of(header) for header in projectors], go_template=go_template)
    system = request.system or model.system
    return ModelDescription(
        name=model.name.short,
        modified_ns=model.modified_ns,
        details=_details(model),
        capabilities=full_capabilities(sources),
        license="\n".join(model.licenses),
        modelfile=_modelfile(model, system, {**model.parameters, **request.options}),
        parameters=parameters_text(model.parameters),
        template=_template_in_use(model, sources),
        system=system,
        messages=tuple(Message(message.role, message.content) for message in model.messages),
        model_info=_remote_info(model) if weights is None else _weights_info(weights, verbose=request.verbose),
        projector_info=_info(projectors[0], verbose=request.verbose) if projectors else {},
        tensors=_tensors(weights),
        remote_model=model.config.remote_model,
        remote_host=model.config.remote_host,
        requires=model.config.requires,
    )


def parameters_text(parameters: Mapping[str, object]) -> str:
    """One line per value: the name padded to a column, the value as Go writes it."""
    return "\n".join(f"{key:<{_PADDING}} {quoted(value)}" for key, value in spread(parameters))


def _details(model: Model) -> ModelDetails:
    """The details of lists without the lengths, which are part of the metadata here."""
    return replace(details_of(model, None), context_length=0, embedding_length=0)


def _template_in_use(model: Model, sources: CapabilitySources) -> str:
    if sources.jinja is not None and sources.weights is not None:
        return sources.weights.chat_template
    return model.template if model.template is not None else DEFAULT_TEMPLATE


def _modelfile(model: Model, system: str, parameters: Mapping[str, object]) -> str:
    comments = (
        'Modelfile generated by "ollama show"',
        "To build a new Modelfile based on this, replace FROM with:",
        f"FROM {model.name.short}",
    )
    base = str(model.weights[0]) if model.weights else ""
    config = model.config
    instructions = [
        Instruction(Kind.FROM, (base,)),
        *(Instruction(Kind.ADAPTER, (str(path),)) for path in model.adapters),
        *(Instruction(Kind.DRAFT, (str(path),)) for path in model.drafts),
        *(Instruction(Kind.FROM, (str(path),)) for path in model.projectors),
        Instruction(Kind.TEMPLATE, (model.template if model.template is not None else DEFAULT_TEMPLATE,)),
        *_given(Kind.SYSTEM, system),
        *_given(Kind.RENDERER, config.renderer),
        *_given(Kind.PARSER, config.parser),
        *parameter_instructions(parameters),
        *(Instruction(Kind.LICENSE, (text,)) for text in model.licenses),
        *(Instruction(Kind.MESSAGE, (message.role, message.content)) for message in model.messages),
    ]
    return write_modelfile(instructions, comments=comments)


def _given(kind: Kind, value: str) -> list[Instruction]:
    return [Instruction(kind, (value,))] if value else []


def _info(header: Header, *, verbose: bool) -> dict[str, object]:
    """The metadata under its own keys, sorted, with the number of parameters; arrays are None unless `verbose`."""
    known: dict[str, object] = {key: _shown(value, verbose=verbose) for key, value in header.metadata.items()}
    known["general.parameter_count"] = parameter_count(header)
    return {key: known[key] for key in sorted(known)}


def _weights_info(header: Header, *, verbose: bool) -> dict[str, object]:
    """The metadata of weights, less what the rest of the description tells."""
    return {key: value for key, value in _info(header, verbose=verbose).items() if key not in _LEFT_OUT}


def _shown(value: object, *, verbose: bool) -> object:
    match value:
        case ArraySummary(count=0) | []:
            return []
        case ArraySummary():
            return None
        case list():
            return [_shown(item, verbose=verbose) for item in value] if verbose else None
        case float() if not math.isfinite(value):
            return None
        case float() if value.is_integer() and abs(value) < _EXACT:
            return int(value)
        case _:
            return value


def _remote_info(model: Model) -> dict[str, object]:
    config = model.config
    if not config.model_family:
        return {}
    info: dict[str, object] = {
        "general.architecture": config.model_family,
        "general.basename": config.base_name,
        f"{config.model_family}.context_length": config.context_length,
        f"{config.model_family}.embedding_length": config.embedding_length,
    }
    return {key: value for key, value in info.items() if value}


def _tensors(header: Header | None) -> tuple[TensorDescription, ...]:
    tensors = header.tensors if header is not None else ()
    return tuple(TensorDescription(tensor.name, tensor.type.label, tensor.shape) for tensor in tensors)
