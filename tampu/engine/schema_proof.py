"""Proves of one answer that the engine holds it to its schema: an engine that gives a schema up only logs it."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from tampu.audience import Audience
from tampu.engine.constraint_log import ConstraintLog
from tampu.engine.protocol import EngineEnd, EngineEvent
from tampu.engine.replies import schema_refusal
from tampu.engine.schema import placed


class SchemaProof:
    """Watches the log on behalf of the answer whose schema bears `mark`.

    1. Schemas are compiled before an answer's first event, so the log is read up to date before that one is let out.
    2. A schema may still grow too complex, so the log is read up to date before the end is let out.
    """

    def __init__(self, log: ConstraintLog, mark: str, schema: Mapping[str, Any] | None = None) -> None:
        self._log, self.mark, self._schema = log, mark, schema
        self._losses_before = log.losses
        self._is_begun = False

    def needs_log(self, event: EngineEvent) -> bool:
        """Whether the log has to be read up to date before `event` may be let out."""
        is_first, self._is_begun = not self._is_begun, True
        return is_first or isinstance(event, EngineEnd)

    def check(self) -> None:
        """Raises EngineRefused where the log, as far as it is read, says that the answer is not held to the schema."""
        problem = self._log.failure(self.mark)
        if problem is None and self._log.losses != self._losses_before:
            problem = self._log.last_loss
        if problem is not None:
            raise schema_refusal([placed(problem, self._schema)], is_chat=False)


class ProvenEvents:
    """What is told here is told to `audience` once `proof` lets it out. Also the pace of whoever tells.

    `read_log` returns once the log is read up to date.
    """

    def __init__(
        self, proof: SchemaProof, audience: Audience[EngineEvent], *, read_log: Callable[[], Awaitable[None]]
    ) -> None:
        self._proof, self._audience, self._read_log = proof, audience, read_log
        self._held: list[EngineEvent] = []

    def tell(self, event: EngineEvent) -> None:
        """Let the event out, or hold it until the log is read; raises EngineRefused."""
        if self._proof.needs_log(event) or self._held:
            self._held.append(event)
        else:
            self._proof.check()
            self._audience.tell(event)

    @property
    def is_behind(self) -> bool:
        """Whether the log is to be read, or the audience is behind."""
        return bool(self._held) or self._audience.pace.is_behind

    async def catch_up(self) -> None:
        """Let out what is held; raises EngineRefused."""
        while held := len(self._held):
            await self._read_log()
            self._proof.check()
            for event in self._held[:held]:
                self._audience.tell(event)
            del self._held[:held]
        await self._audience.pace.catch_up()
