"""The smallest server that a push needs: a models folder, settings, registry clients and the shared uploads."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from tampu.management import TransferRequest
from tampu.names import ModelName
from tampu.operations.push import push
from tampu.progress import Progress
from tampu.registry.clients import SharedClients
from tampu.registry.logins import Logins
from tampu.registry.patience import Patience
from tampu.registry.pushes import Pushes, open_pushes
from tampu.store.library import Library
from tampu.store.model import CONFIG_TYPE, LAYER_PREFIX, Layer, Manifest
from tests.fakes.pulling import HURRIED

BRISK = replace(HURRIED, answer_s=0.5, commit_s=2.0)


@dataclass
class PushServices:
    library: Library
    pushes: Pushes
    seen: list[Progress] = field(default_factory=list)
    """The reports of the last push, also of one that failed."""

    async def push(self, model: str, *, insecure: bool = True) -> list[Progress]:
        self.seen = []
        async for event in push(self, TransferRequest(model=model, insecure=insecure)):
            self.seen.append(event)
        return self.seen

    def store(self, model: str, *contents: bytes, parent: str = "") -> Manifest:
        """A model whose layers are `contents`, all inherited from `parent`."""

        def layer(kind: str, content: bytes) -> Layer:
            blob = self.library.blobs.put_bytes(content)
            return Layer(kind, blob.digest, blob.size, parent)

        layers = tuple(layer(f"{LAYER_PREFIX}model", content) for content in contents)
        manifest = Manifest(config=layer(CONFIG_TYPE, b'{"model_format":"gguf"}'), layers=layers)
        self.library.commit(ModelName.parse(model), manifest)
        return manifest


@asynccontextmanager
async def open_services(folder: Path, *, patience: Patience = BRISK) -> AsyncIterator[PushServices]:
    clients = SharedClients(folder, patience, logins=Logins(folder / ".docker"))
    async with open_pushes(folder, clients) as pushes:
        yield PushServices(Library(folder / "models"), pushes)
