"""Making a model: from another one, from uploaded files, or as a stub of one that runs elsewhere.

Order, which decides which of several errors is told: 1. the name (what else the request alone shows, its dialect has
checked); 2. the source (a model, files or a remote host) and what it brings; 3. a draft model and adapters; 4. `info`;
5. quantization; 6. the texts; 7. the manifest, which is written only when every blob that it names is stored.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, closing, suppress
from dataclasses import dataclass, field
from typing import cast

import msgspec
from anyio import to_thread

from tampu.errors import BadRequest, CorruptManifest, InvalidName, InvalidTemplate, NotFound, StoreError
from tampu.gguf.header import Header
from tampu.gguf.metadata import facts_of, parameter_label
from tampu.gguf.projector import completed, lacks_type
from tampu.gguf.quantization import has_foreign_parts
from tampu.management import CreateRequest, TransferRequest
from tampu.names import ModelName, ModelReference, Source
from tampu.operations.pull import pull
from tampu.operations.quantize import quantize_layers
from tampu.operations.services import Services
from tampu.operations.uploaded_files import read_files
from tampu.progress import SUCCESS, Progress
from tampu.store.draft import FILE_KINDS, Draft, built_in, files_groups, weights_groups
from tampu.store.faults import store_faults
from tampu.store.info import apply_info
from tampu.store.library import Library
from tampu.store.loading import read_config
from tampu.store.locks import Pins
from tampu.store.manifests import digests_of
from tampu.store.model import Layer, Manifest, ModelConfig
from tampu.store.remote import CLOUD_HOST, remote_url
from tampu.store.sources import BlobMissing, SourceModel
from tampu.templates.known import known_template
from tampu.templates.template import parse_template


@dataclass(slots=True)
class _Job:
    """One create while it runs."""

    services: Services
    request: CreateRequest
    name: ModelName
    draft: Draft
    architectures: list[str] = field(default_factory=list)
    """Of the weights, in the order of their layers."""
    uploaded: set[tuple[str, str]] = field(default_factory=set)
    """Kinds and digests of the files of the request."""
    known: dict[str, str] = field(default_factory=dict)
    """Names of the templates that the weights brought by being known, by the digest of their layer."""

    @property
    def library(self) -> Library:
        return self.services.library


async def create(services: Services, request: CreateRequest) -> AsyncIterator[Progress]:
    """Make the model that the request describes, telling each step; raises TampuError before or between reports."""
    name = await to_thread.run_sync(services.library.resolve, ModelName.parse(request.model))  # 1
    with Pins() as pins:
        job = _Job(services, request, name, Draft(services.library.blobs, pins, _requested_config(request)))
        if await to_thread.run_sync(_lacks_base, job):
            # A pull owns connections and tasks: it must end here and not when its generator is collected.
            async with aclosing(_pull_base(job)) as reports:
                async for report in reports:
                    yield report
        async for report in _steps(job):
            yield report
    yield SUCCESS


async def _steps(job: _Job) -> AsyncIterator[Progress]:
    async for report in _take_source(job):
        yield report
    async for report in _take_parts(job):
        yield report
    job.draft.config = apply_info(job.draft.config, job.request.info)
    async for report in _rework(job):
        yield report
    await to_thread.run_sync(_describe, job)
    await to_thread.run_sync(_write_texts, job)
    manifest = await to_thread.run_sync(job.draft.manifest)
    for layer in manifest.layers:
        yield _layer_report(job, layer)
    yield Progress("writing manifest")
    await to_thread.run_sync(_commit, job, manifest)


def _requested_config(request: CreateRequest) -> ModelConfig:
    return ModelConfig(renderer=request.renderer, parser=request.parser, requires=request.requires)


# --- 2. the source -----------------------------------------------------------------------------------------------


async def _take_source(job: _Job) -> AsyncIterator[Progress]:
    request = job.request
    if request.base:
        reference = _base_of(request)
        base = reference.name
        if _is_stub(job, reference):
            _become_stub(job, reference)
        else:
            await to_thread.run_sync(_inherit, job, base)
    elif request.files is not None:
        models: list[SourceModel] = []
        async for report in read_files(job.library.blobs, request.files, "model", models):
            yield report
        await to_thread.run_sync(_add_models, job, models)
        await to_thread.run_sync(_add_known_template, job, models)
    else:
        raise BadRequest("neither 'from' or 'files' was specified")


def _base_of(request: CreateRequest) -> ModelReference:
    try:
        return ModelReference.parse(request.base)
    except BadRequest:
        raise InvalidName(request.base) from None


def _is_stub(job: _Job, reference: ModelReference) -> bool:
    return bool(job.request.remote_host) or reference.source is Source.CLOUD


def _become_stub(job: _Job, reference: ModelReference) -> None:
    """No weights: the config says which host runs the model."""
    host = remote_url(job.request.remote_host) if job.request.remote_host else CLOUD_HOST
    if job.request.draft_files:
        raise BadRequest("DRAFT cannot be used with remote models")
    job.draft.config = msgspec.structs.replace(job.draft.config, remote_host=host, remote_model=reference.base)


def _lacks_base(job: _Job) -> bool:
    """Whether the base, exactly as its name is spelled, is a local model that is not stored."""
    if not job.request.base:
        return False
    reference = _base_of(job.request)
    name = reference.name
    return not _is_stub(job, reference) and job.library.manifests.stamp(name) is None


def _pull_base(job: _Job) -> AsyncGenerator[Progress, None]:
    name = _base_of(job.request).name
    # What is declared an iterator is a generator, and has to be closed.
    return cast("AsyncGenerator[Progress, None]", pull(job.services, TransferRequest(model=name.full)))


def _inherit(job: _Job, base: ModelName) -> None:
    base = job.library.resolve(base)  # a pull stores under the spelling that other names have
    manifest = job.library.read_manifest(base).manifest
    try:
        job.draft.inherit(base, manifest)
    except BlobMissing:
        with suppress(NotFound):  # to the library a half-present model is absent; here it lacks a layer
            job.library.get(base)  # says it better where a file elsewhere is gone
        raise
    for layer in manifest.layers:
        if layer.kind in FILE_KINDS:
            _header(job, layer)  # a base that is cut must not be handed on
    config = _base_config(job.library, manifest)
    own = job.draft.config
    job.draft.config = msgspec.structs.replace(
        own,
        model_format=config.model_format,
        renderer=own.renderer or config.renderer,
        parser=own.parser or config.parser,
        requires=own.requires or config.requires,
        capabilities=config.capabilities,
    )


def _base_config(library: Library, manifest: Manifest) -> ModelConfig:
    """The config of a base; a damaged one says nothing, and the new one is made from the weights."""
    try:
        return read_config(manifest.config.digest, library.blobs)
    except (NotFound, BadRequest, CorruptManifest):
        return ModelConfig()


def _add_models(job: _Job, models: list[SourceModel]) -> None:
    for model in models:
        job.draft.add(model)
        job.uploaded |= {(model.kind, file.digest) for file in model.files}


def _add_known_template(job: _Job, models: list[SourceModel]) -> None:
    """Uploaded weights whose chat template is known by sight get the Go template that stands for it."""
    weights = next((model for model in models if model.kind == "model"), None)
    text = weights.files[0].header.metadata.get("tokenizer.chat_template") if weights else None
    known = known_template(text) if isinstance(text, str) else None
    if known is None:
        return
    job.draft.set_text("template", known.source)
    job.known[job.draft.layers[-1].digest] = known.name
    job.draft.set_parameters({"stop": list(known.stops)})


# --- 3. adapters and a draft model -------------------------------------------------------------------------------


async def _take_parts(job: _Job) -> AsyncIterator[Progress]:
    """Read the draft model, then the adapters; their layers come the other way round."""
    if job.draft.config.remote_host:
        return
    drafts: list[SourceModel] = []
    adapters: list[SourceModel] = []
    try:
        async for report in _read_part(job, job.request.draft_files, "draft", drafts):
            yield report
        async for report in _read_part(job, job.request.adapters, "adapter", adapters):
            yield report
        if drafts:
            job.draft.drop("draft")
        await to_thread.run_sync(_add_models, job, [*adapters, *drafts])
    except StoreError as error:
        raise BadRequest(error.message) from error


async def _read_part(
    job: _Job, files: Mapping[str, str] | None, what: str, models: list[SourceModel]
) -> AsyncIterator[Progress]:
    if files is not None:
        async for report in read_files(job.library.blobs, files, what, models):
            yield report


# --- 4. and 5. what the weights say, and become ------------------------------------------------------------------


async def _rework(job: _Job) -> AsyncIterator[Progress]:
    """Make weights smaller and projectors whole, in the order of their layers, telling each that is dealt with."""
    used = await to_thread.run_sync(job.library.manifests.references)
    wanted = {"model": job.request.quantize, "draft": job.request.draft_quantize}
    for group in files_groups(job.draft.layers):
        kind, is_uploaded = group[0].kind, (group[0].kind, group[0].digest) in job.uploaded
        if wanted.get(kind):
            async with aclosing(quantize_layers(job.library, job.draft, group, wanted[kind])) as reports:
                async for report in reports:
                    yield report
        if group[0] not in job.draft.layers:
            yield Progress("verifying conversion")
        elif is_uploaded and kind == "projector":
            async for report in _complete(job, group[0]):
                yield report
        elif is_uploaded and kind == "model" and not await to_thread.run_sync(_has_foreign_parts, job, group[0]):
            # Weights that no model names yet are told as created: their upload was part of making this one.
            job.draft.fresh |= {layer.digest for layer in group} - used
            yield Progress("verifying conversion")


async def _complete(job: _Job, layer: Layer) -> AsyncIterator[Progress]:
    """See to it that a projector says how it projects: one that does not becomes a blob of its own."""
    blobs = job.library.blobs
    header = await to_thread.run_sync(_header, job, layer)
    if not lacks_type(header):
        return
    yield Progress("updating GGUF projector metadata")
    with store_faults(f"completing {layer.parent}"), closing(completed(blobs.path(layer.digest), header)) as file:
        async with blobs.writer(job.draft.pins) as writer:
            while (piece := await to_thread.run_sync(next, file, None)) is not None:
                await writer.write(piece)
            stored = await writer.commit()
    if stored.is_new:
        job.draft.fresh.add(stored.digest)
    job.draft.replace([layer], Layer(media_type=layer.media_type, digest=stored.digest, size=stored.size))


def _describe(job: _Job) -> None:
    """Let the config follow from the weights, inherited and new, in the order of their layers."""
    for group in weights_groups(job.draft.layers):
        facts = [facts_of(_header(job, layer)) for layer in group]
        job.draft.describe_weights(facts[0], parameter_label(sum(each.parameter_count for each in facts)))
        job.architectures.append(facts[0].architecture)
    for layer in job.draft.layers:
        if layer.kind == "draft":
            job.draft.describe_draft(facts_of(_header(job, layer)).architecture)


def _has_foreign_parts(job: _Job, layer: Layer) -> bool:
    return has_foreign_parts(_header(job, layer))


def _header(job: _Job, layer: Layer) -> Header:
    return job.library.header(job.library.blobs.path(layer.digest))


# --- 6. texts and parameters -------------------------------------------------------------------------------------


def _write_texts(job: _Job) -> None:
    request, draft = job.request, job.draft
    if request.template:
        _check_template(request.template)
        draft.set_text("template", request.template, replacing=("prompt",))
    if request.system:
        draft.set_text("system", request.system)
    if request.license_fault:
        raise BadRequest(request.license_fault)
    draft.add_licenses(request.licenses)
    draft.set_parameters(_parameters(job))
    if request.messages:
        draft.set_messages(request.messages)


def _check_template(text: str) -> None:
    try:
        parse_template(text)
    except InvalidTemplate as error:
        raise BadRequest(f"template error: {error.message}") from error


def _parameters(job: _Job) -> Mapping[str, object]:
    """The request's own options; words to stop at that belong to the architecture where nobody named any."""
    wanted = job.request.parameters
    stops = [stop for architecture in job.architectures for stop in built_in(architecture).stop]
    if not stops or "stop" in {**job.draft.parameters(), **wanted}:
        return wanted
    return {**wanted, "stop": stops}


# --- 7. the manifest ---------------------------------------------------------------------------------------------


def _layer_report(job: _Job, layer: Layer) -> Progress:
    if layer.digest in job.known:
        return Progress(f"using autodetected template {job.known[layer.digest]}")
    return Progress(f"{'creating new' if layer.digest in job.draft.fresh else 'using existing'} layer {layer.digest}")


def _commit(job: _Job, manifest: Manifest) -> None:
    # What a base brought and the request replaced must not be kept alive by this very job.
    job.draft.pins.keep_only({job.library.blobs.path(digest) for digest in digests_of(manifest)})
    origin = next(filter(None, (job.library.origins.noted(layer.digest) for layer in manifest.layers)), None)
    own_origin = origin if job.request.files else None  # what is made from another model is made here
    job.library.commit(job.name, manifest, keep_unused=job.services.settings.no_prune, origin=own_origin)
