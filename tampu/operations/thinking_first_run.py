"""An answer under a grammar from a model that thinks first: it thinks freely, and is asked again with its thoughts."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from tampu.engine.protocol import Engine, EngineEnd, StopKind
from tampu.generation import Dropped, TextDelta, ThinkingDelta, ToolCallReady
from tampu.messages import Message
from tampu.operations.completion_run import CompletionRun
from tampu.operations.prompt import ConversationPrompt, Prompt
from tampu.operations.run import RunEvent
from tampu.operations.selection import Selection
from tampu.parsing.formats.harmony import FINAL_MESSAGE


class ThinkingFirstRun:
    """The model thinks freely, then it is asked again with its thoughts and the grammar.

    Counts and times are those of the second pass, as in Ollama.
    """

    def __init__(self, selection: Selection, engine: Engine, source: ConversationPrompt) -> None:
        self._selection, self._engine, self._source = selection, engine, source
        freely = replace(selection, request=replace(selection.request, format=None))
        self._held = replace(selection, request=replace(selection.request, think=False))
        self._pass = CompletionRun(freely, engine, source)

    @property
    def dropped(self) -> Dropped:
        """See Run."""
        return self._pass.dropped

    async def start(self, raw: list[str]) -> AsyncGenerator[RunEvent, None]:
        """See Run."""
        await self._check_format()
        return self._events(await self._pass.start(raw), raw)

    async def _check_format(self) -> None:
        """Raises what the engine has against the format now, not behind the thoughts.

        What it reads of the prompt for that is in its cache when the first pass comes.
        """
        silent = replace(self._held, sampling=replace(self._held.sampling, num_predict=0))
        await (await CompletionRun(silent, self._engine, self._source, is_plain=True).start([])).aclose()

    async def _events(
        self, first_pass: AsyncGenerator[RunEvent, None], raw: list[str]
    ) -> AsyncGenerator[RunEvent, None]:
        thoughts: list[str] = []
        has_called = False
        async with aclosing(first_pass) as events:
            async for event in events:
                if isinstance(event, TextDelta) or (_is_end(event) and not has_called):
                    break  # also a model that thinks, and then says nothing, owes an answer
                if isinstance(event, ThinkingDelta):
                    thoughts.append(event.text)
                has_called |= isinstance(event, ToolCallReady)
                yield event
            else:
                return
        raw.clear()
        source = self._source.continued(Message("assistant", thinking="".join(thoughts)))
        if self._selection.facts.parser == "harmony":
            source = replace(source, suffix=FINAL_MESSAGE)
        is_plain = bool(self._selection.facts.parser)
        self._pass = CompletionRun(self._held, self._engine, source, is_plain=is_plain)
        async with aclosing(await self._pass.start(raw)) as events:
            async for event in events:
                yield event

    async def prompt(self) -> Prompt:
        """See Run."""
        return await self._pass.prompt()

    async def fitted_prompt(self) -> Prompt:
        """See Run."""
        return await self._pass.fitted_prompt()


def _is_end(event: RunEvent) -> bool:
    """Whether the model itself ended its answer."""
    return isinstance(event, EngineEnd) and event.stop is not StopKind.LIMIT
