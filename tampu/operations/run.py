"""One run of an engine, whoever makes its prompt and reads its answer."""

from typing import Protocol

from tampu.audience import Audience
from tampu.engine.protocol import EngineEnd
from tampu.generation import Dropped, GenerationEvent
from tampu.operations.answer import Said, Stuck
from tampu.operations.prompt import Prompt


class Run(Protocol):
    """What `generate` needs of a run."""

    @property
    def dropped(self) -> Dropped:
        """What was left out of the prompt; settled once the answer has begun."""
        ...

    async def answer(self, audience: Audience[GenerationEvent], said: Said) -> EngineEnd | Stuck:
        """Have the engine answer, and tell its events; how the answer ended. `said` notes what it says."""
        ...

    async def prompt(self) -> Prompt:
        """The prompt that was run, or is to be."""
        ...

    async def fitted_prompt(self) -> Prompt:
        """The prompt with old messages left out until it fits; for showing, not for running."""
        ...
