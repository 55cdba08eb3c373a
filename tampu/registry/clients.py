"""Open registry clients, shared by the pulls and downloads that talk to the same repository; closed with the last."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
from anyio import CancelScope, to_thread

from tampu.deferred import loaded
from tampu.registry.endpoint import Endpoint
from tampu.registry.logins import Logins
from tampu.registry.network import Network
from tampu.registry.patience import Patience

if TYPE_CHECKING:
    from tampu.registry.client import RegistryClient


class SharedClients:
    """Clients by endpoint. `home` is the folder of the identity, `logins` what Docker knows of registries."""

    def __init__(
        self, home: Path, patience: Patience, *, logins: Logins | None = None, network: Network | None = None
    ) -> None:
        self._home, self._patience, self._logins, self._network = home, patience, logins, network
        self._open: dict[Endpoint, _OpenClient] = {}
        self._opening = anyio.Lock()

    @property
    def is_idle(self) -> bool:
        """Whether no client is open."""
        return not self._open

    @asynccontextmanager
    async def use(self, endpoint: Endpoint) -> AsyncIterator["RegistryClient"]:
        """The client for `endpoint`, which stays open at least to the end of the block."""
        async with self._opening:
            if endpoint not in self._open:
                self._open[endpoint] = await self._connect(endpoint)
            entry = self._open[endpoint]
            entry.users += 1
        try:
            yield entry.client
        finally:
            entry.users -= 1
            if not entry.users:
                del self._open[endpoint]
                with CancelScope(shield=True):  # closes sockets, waits for nobody
                    await entry.stack.aclose()

    async def _connect(self, endpoint: Endpoint) -> "_OpenClient":
        # Both are heavy, and a server may never talk to a registry.
        identities = await loaded("tampu.registry.identity", "Identity")
        open_client = await loaded("tampu.registry.client", "open_client")
        identity = await to_thread.run_sync(identities.load, self._home)
        stack = AsyncExitStack()
        opened = open_client(
            endpoint, identity=identity, patience=self._patience, logins=self._logins, network=self._network
        )
        client = await stack.enter_async_context(opened)
        return _OpenClient(client, stack)


class _OpenClient:
    """A client, how to close it, and how many use it."""

    def __init__(self, client: "RegistryClient", stack: AsyncExitStack) -> None:
        self.client, self.stack = client, stack
        self.users = 0
