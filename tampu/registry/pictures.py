"""Fetches a picture that a request names by its address: over the hardened transport, from public machines only.

Whoever asks is not the user of this machine, so no host counts as named by the user: nothing inside the network is
reached, by name, by address or by redirect. Behind a proxy of the user's settings, the proxy resolves names.
"""

from typing import Final

from yarl import URL

from tampu.errors import BadRequest, RegistryDenied, RegistryError, RegistryUnreachable
from tampu.registry.network import Network
from tampu.registry.patience import MIB, Patience
from tampu.registry.transport import open_transport, read_document

MOST_BYTES: Final = 20 * MIB
PATIENCE: Final = Patience(silence_s=10.0, document_s=30.0, max_document_bytes=MOST_BYTES, max_redirects=3)
NOBODY: Final = ""
"""No host is reached on the word that a user wrote it."""


async def fetch_picture(
    address: str, network: Network, *, named_host: str = NOBODY, patience: Patience = PATIENCE
) -> bytes:
    """The bytes at `address`, at most `MOST_BYTES`; raises BadRequest that says why there are none."""
    try:
        url = URL(address).with_user(None)
        async with (
            open_transport(named_host, insecure=True, patience=patience, network=network) as transport,
            transport.follow("GET", url, {"Accept": "image/*"}) as response,
        ):
            if response.status != 200:
                raise BadRequest(f"the other side answered {response.status}")
            return await read_document(response, patience)
    except ValueError:
        raise BadRequest("its address is none") from None
    except RegistryDenied:
        raise BadRequest("its address leads to a machine that is not public") from None
    except RegistryUnreachable as error:
        raise BadRequest(error.message) from None
    except RegistryError:
        limits = f"{patience.max_document_bytes // MIB} MiB or {patience.max_redirects} redirects"
        raise BadRequest(f"it takes more than {limits}") from None
