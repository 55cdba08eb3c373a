"""Push: sends a model to the registry of its name, the blobs that it does not have first and the manifest last."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final, Protocol

from anyio import to_thread

from tampu.errors import BlobNotFound, CorruptBlob, InvalidName, ModelNotFound, StoreError
from tampu.management import TransferRequest
from tampu.names import ModelName, spell_out
from tampu.progress import SUCCESS, Progress
from tampu.registry.client import RegistryClient
from tampu.registry.endpoint import Endpoint
from tampu.registry.pushes import Pushes
from tampu.registry.retries import when_asked_to_wait
from tampu.registry.shared import Job, SharedDownload
from tampu.registry.upload import LocalBlob, upload_blob
from tampu.store.library import Library
from tampu.store.locks import Pins
from tampu.store.manifests import decode_manifest, layers_of
from tampu.store.model import Layer

_TICK_S: Final = 0.06
_RETRIEVING: Final = Progress("retrieving manifest")
_NOT_RETRIEVED: Final = Progress("couldn't retrieve manifest")


class PushServices(Protocol):
    """What a push needs of the server."""

    @property
    def library(self) -> Library:
        """The models folder."""

    @property
    def pushes(self) -> Pushes:
        """What all pushes share."""


async def push(services: PushServices, request: TransferRequest) -> AsyncGenerator[Progress, None]:
    """Send `request.model` to the registry that its name begins with.

    Every error comes after the first report: InvalidName, ModelNotFound, RegistryError, StoreError.
    """
    yield _RETRIEVING
    try:
        name = await to_thread.run_sync(services.library.resolve, ModelName.parse(request.model))
        content = await to_thread.run_sync(services.library.manifests.read_bytes, name)
        manifest = decode_manifest(content, name)
    except InvalidName:
        yield _NOT_RETRIEVED
        raise InvalidName(request.model, f"unqualified name: {spell_out(request.model)}") from None
    except ModelNotFound:
        yield _NOT_RETRIEVED
        raise ModelNotFound(request.model) from None
    except StoreError:
        yield _NOT_RETRIEVED
        raise
    endpoint = Endpoint.of(name, insecure=request.insecure)
    with Pins() as pins:
        work = _Push(services, endpoint, pins)
        async with services.pushes.clients.use(endpoint) as client:
            for layer in layers_of(manifest):
                async with aclosing(work.bring(client, layer)) as reports:
                    async for progress in reports:
                        yield progress
            yield Progress("pushing manifest")
            await when_asked_to_wait(
                client.patience, lambda: client.put_manifest(name.tag, content, manifest.media_type)
            )
    yield SUCCESS


@dataclass(frozen=True, slots=True)
class _Push:
    """One push. `pins` keeps the blobs until it is over."""

    services: PushServices
    endpoint: Endpoint
    pins: Pins

    async def bring(self, client: RegistryClient, layer: Layer) -> AsyncGenerator[Progress, None]:
        """Have the registry have the layer's blob, reporting on the way. Closing it leaves the upload."""
        status = f"pushing {layer.digest[7:19]}"
        self.services.library.blobs.path(layer.digest)  # what is no digest must not become part of an address
        if not await when_asked_to_wait(client.patience, lambda: client.has_blob(layer.digest)):
            blob = await to_thread.run_sync(self._local, layer)
            key = f"{self.endpoint.url('')} {layer.digest}"
            async with self.services.pushes.uploads.join(key, self._job(blob), size=layer.size) as upload:
                while not await upload.wait(_TICK_S):
                    yield Progress(status, layer.digest, layer.size, upload.completed)
        yield Progress(status, layer.digest, layer.size, layer.size)

    def _job(self, blob: LocalBlob) -> Job:
        async def job(upload: SharedDownload) -> None:
            # It may outlive the push that began it: it keeps client and blob to itself.
            with Pins() as pins:
                await to_thread.run_sync(pins.add, blob.path)
                async with self.services.pushes.clients.use(self.endpoint) as client:
                    await upload_blob(client, blob, self.services.pushes.journal, upload.report)

        return job

    def _local(self, layer: Layer) -> LocalBlob:
        blobs = self.services.library.blobs
        if not blobs.reuse(layer.digest, self.pins, size=layer.size):
            if not blobs.has(layer.digest):
                raise BlobNotFound(layer.digest)
            raise CorruptBlob(f"blob {layer.digest} is cut; pull or create the model again")
        return LocalBlob(blobs.path(layer.digest), layer.digest, layer.size, _repository(layer.parent))


def _repository(parent: str) -> str:
    """Where a registry may have a layer already: the repository of the model that it came from, "" for none."""
    try:
        name = ModelName.parse(parent)
    except InvalidName:
        return ""
    return f"{name.namespace}/{name.model}"
