"""Responses kept in memory, for tests of what comes before and behind the database."""

from collections.abc import Sequence

from tampu.errors import PreviousResponseNotFound, StoreError
from tampu.responses import KeptResponse


class FakeKept:
    """Keeps all, for how long each was to be kept; `fails`: keeping raises, as on a full disk."""

    def __init__(self, *, fails: bool = False) -> None:
        self.responses: dict[str, KeptResponse] = {}
        self.lasting_s: dict[str, float] = {}
        self._fails = fails

    async def keep(self, response: KeptResponse, lasting_s: float) -> None:
        if self._fails:
            raise StoreError("tampu.db cannot be used: database or disk is full")
        self.responses[response.id] = response
        self.lasting_s[response.id] = lasting_s

    async def find(self, response_id: str) -> KeptResponse | None:
        return self.responses.get(response_id)

    async def conversation(self, response_id: str) -> Sequence[KeptResponse]:
        found: list[KeptResponse] = []
        while response_id:
            if response_id not in self.responses:
                raise PreviousResponseNotFound(response_id)
            found.append(self.responses[response_id])
            response_id = found[-1].previous_id
        return found[::-1]

    async def remove(self, response_id: str) -> bool:
        return self.responses.pop(response_id, None) is not None
