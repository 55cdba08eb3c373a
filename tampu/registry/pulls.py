"""What all pulls of a process share: catalog, mirrors, registry clients, downloads. One is opened with the server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from anyio import to_thread

from tampu.config import Settings
from tampu.registry.catalog import Catalog, open_catalog
from tampu.registry.clients import SharedClients
from tampu.registry.logins import Logins
from tampu.registry.mirrors import Mirrors
from tampu.registry.network import Network
from tampu.registry.patience import Patience
from tampu.registry.shared import SharedDownloads, open_shared_downloads


@dataclass(frozen=True, slots=True)
class Pulls:
    """Made by `open_pulls`."""

    catalog: Catalog
    clients: SharedClients
    mirrors: Mirrors
    downloads: SharedDownloads
    patience: Patience
    network: Network


@asynccontextmanager
async def open_pulls(settings: Settings, *, patience: Patience | None = None) -> AsyncIterator[Pulls]:
    """Ready to pull; raises ConfigError for a bad catalog. Leaving cancels what is under way."""
    patience = patience or Patience()
    catalog = await to_thread.run_sync(open_catalog, settings.catalog)
    network = Network(settings.ca_file, settings.lan_redirects)
    clients = SharedClients(settings.home, patience, logins=Logins(settings.docker_folder), network=network)
    mirrors = Mirrors(settings.mirrors)
    async with open_shared_downloads(settings.limit_rate) as downloads:
        yield Pulls(catalog, clients, mirrors, downloads, patience, network)
