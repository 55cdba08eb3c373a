"""Where a name may be pulled from: the mirrors that the user set for its registry, in order, then the registry itself.

One that did not answer is asked last for a while, so that a dead mirror costs its timeout once and not each time.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from yarl import URL

from tampu.names import ModelName
from tampu.registry.endpoint import Endpoint

REST_S: Final = 300.0
"""How long one that failed is asked after the others."""


class Mirrors:
    """The mirrors of each registry host, and which of them failed lately."""

    def __init__(self, addresses: Mapping[str, Sequence[str]], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._addresses, self._clock = addresses, clock
        self._resting: dict[URL, float] = {}

    def endpoints(self, name: ModelName, *, insecure: bool) -> list[Endpoint]:
        """Where to ask for `name`, in order; raises InvalidName for a host that is none.

        A mirror's own address says whether it is plain http: whoever set it has allowed that. Its path comes before
        the repository, as registries that keep others' models below a project of their own want it.
        """
        mirrored = [_endpoint(URL(address), name) for address in self._addresses.get(name.host.lower(), ())]
        found = [*mirrored, Endpoint.of(name, insecure=insecure)]
        return sorted(found, key=self._is_resting)

    def change(self, addresses: Mapping[str, Sequence[str]]) -> None:
        """Ask these from now on."""
        self._addresses = addresses

    def failed(self, endpoint: Endpoint) -> None:
        """Note that an endpoint was out of reach: it is asked after the others for a while."""
        self._resting[endpoint.base] = self._clock() + REST_S

    def answered(self, endpoint: Endpoint) -> None:
        """Note that an endpoint is well."""
        self._resting.pop(endpoint.base, None)

    def _is_resting(self, endpoint: Endpoint) -> bool:
        return self._resting.get(endpoint.base, 0.0) > self._clock()


def _endpoint(address: URL, name: ModelName) -> Endpoint:
    repository = f"{name.namespace}/{name.model}"
    prefix = address.path.strip("/")
    return Endpoint(address.origin(), f"{prefix}/{repository}" if prefix else repository)
