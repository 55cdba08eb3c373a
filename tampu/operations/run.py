"""One run of an engine, whoever makes its prompt and reads its answer."""

from collections.abc import AsyncGenerator
from typing import Protocol

from tampu.engine.protocol import EngineEnd
from tampu.generation import Dropped, GenerationEvent
from tampu.operations.answer import Stuck
from tampu.operations.prompt import Prompt

RunEvent = GenerationEvent | EngineEnd | Stuck


class Run(Protocol):
    """What `generate` needs of a run."""

    @property
    def dropped(self) -> Dropped:
        """What was left out of the prompt; settled once the run has started."""
        ...

    async def start(self, raw: list[str]) -> AsyncGenerator[RunEvent, None]:
        """Have the engine take the prompt; then the events of the answer, and how it ended.

        `raw` collects the text as the engine wrote it.
        """
        ...

    async def prompt(self) -> Prompt:
        """The prompt that was run, or is to be."""
        ...

    async def fitted_prompt(self) -> Prompt:
        """The prompt with old messages left out until it fits; for showing, not for running."""
        ...
