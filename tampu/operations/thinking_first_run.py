"""An answer under a grammar from a model that thinks first: it thinks freely, and is asked again with its thoughts."""

from collections.abc import Callable
from dataclasses import replace

from tampu.audience import Audience
from tampu.engine.protocol import Engine, EngineEnd, StopKind
from tampu.generation import Dropped, GenerationEvent, TextDelta, ThinkingDelta, ToolCallReady
from tampu.messages import Message
from tampu.operations.answer import Said, Stuck
from tampu.operations.completion_run import CompletionRun
from tampu.operations.prompt import ConversationPrompt, Prompt
from tampu.operations.prompt_progress import only_progress, without_progress
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

    async def answer(self, audience: Audience[GenerationEvent], said: Said) -> EngineEnd | Stuck:
        """See Run."""
        await self._check_format(audience)
        audience = replace(audience, tell=without_progress(audience.tell))
        thoughts = _Thoughts(audience.tell, said, budget=self._selection.request.thinking_budget)
        try:
            end = await self._pass.answer(Audience(thoughts.take, audience.pace), said)
        except _ThoughtsAreOver:
            pass
        else:
            if thoughts.has_called or not _is_natural(end):
                return end  # but a model that thinks, and then says nothing, owes an answer
        said.raw.clear()
        source = self._source.continued(Message("assistant", thinking="".join(thoughts.texts)))
        if self._selection.facts.parser == "harmony":
            source = replace(source, suffix=FINAL_MESSAGE)
        is_plain = bool(self._selection.facts.parser)
        self._pass = CompletionRun(self._held, self._engine, source, is_plain=is_plain)
        return await self._pass.answer(audience, said)

    async def _check_format(self, audience: Audience[GenerationEvent]) -> None:
        """Raises what the engine has against the format now, not behind the thoughts.

        What it reads of the prompt for that is in its cache when the first pass comes, so its progress is what counts.
        """
        progress = replace(audience, tell=only_progress(audience.tell))
        silent = replace(self._held, sampling=replace(self._held.sampling, num_predict=0))
        await CompletionRun(silent, self._engine, self._source, is_plain=True).answer(progress, Said())

    async def prompt(self) -> Prompt:
        """See Run."""
        return await self._pass.prompt()

    async def fitted_prompt(self) -> Prompt:
        """See Run."""
        return await self._pass.fitted_prompt()


class _ThoughtsAreOver(Exception):
    """The model begins to answer."""


class _Thoughts:
    """Tells what comes before an answer, and ends the pass where the answer begins, or behind `budget` tokens."""

    def __init__(self, tell: Callable[[GenerationEvent], None], said: Said, *, budget: int | None) -> None:
        self._tell, self._said = tell, said
        self._budget = float("inf") if budget is None else budget
        self.texts: list[str] = []
        self.has_called = False

    def take(self, event: GenerationEvent) -> None:
        """Tell the event, but no answer."""
        if isinstance(event, TextDelta):
            raise _ThoughtsAreOver
        if isinstance(event, ThinkingDelta):
            self.texts.append(event.text)
        self.has_called |= isinstance(event, ToolCallReady)
        self._tell(event)
        if len(self._said.raw) >= self._budget and not self.has_called:
            raise _ThoughtsAreOver


def _is_natural(end: EngineEnd | Stuck) -> bool:
    """Whether the model itself ended its answer."""
    return isinstance(end, EngineEnd) and end.stop is not StopKind.LIMIT
