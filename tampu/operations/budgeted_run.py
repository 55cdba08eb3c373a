"""An answer whose thoughts have a limit: once they are as long, they are closed, and the model is asked to go on."""

from collections.abc import Callable
from dataclasses import replace

from tampu.audience import Audience
from tampu.engine.protocol import Engine, EngineEnd
from tampu.generation import Dropped, GenerationEvent, TextDelta, ThinkingDelta
from tampu.operations.answer import Said, Stuck
from tampu.operations.completion_run import CompletionRun
from tampu.operations.prompt import FixedPrompt, Prompt, PromptSource
from tampu.operations.prompt_progress import without_progress
from tampu.operations.selection import Selection
from tampu.operations.structured import call_form
from tampu.templates.facts import ThinkingTags


class BudgetedRun:
    """Two passes where the thoughts are cut: the second goes on behind them, and most of its prompt is in the cache.

    The counts are those of one answer: what was thought is counted as written, not as read.
    """

    def __init__(
        self, selection: Selection, engine: Engine, source: PromptSource, *, tags: ThinkingTags, budget: int
    ) -> None:
        """`tags`: around the thoughts; `budget`: how many tokens they may have."""
        self._selection, self._engine = selection, engine
        self._closing, self._budget = tags.closing, budget
        self._pass = CompletionRun(selection, engine, source)

    @property
    def dropped(self) -> Dropped:
        """See Run."""
        return self._pass.dropped

    async def answer(self, audience: Audience[GenerationEvent], said: Said) -> EngineEnd | Stuck:
        """See Run."""
        watch = _Watch(audience.tell, said, closing=self._closing, budget=self._budget)
        try:
            return await self._pass.answer(Audience(watch.take, audience.pace), said)
        except _BudgetIsSpent:
            return await self._go_on(audience, said)

    async def _go_on(self, audience: Audience[GenerationEvent], said: Said) -> EngineEnd | Stuck:
        said.raw.append(f"\n{self._closing}\n\n")
        thoughts = "".join(said.raw)
        spent = len(await self._engine.tokenize(thoughts, add_special=False))
        prompt = await self._pass.prompt()
        source = FixedPrompt(replace(prompt, text=prompt.text + thoughts))
        self._pass = CompletionRun(self._rest(spent), self._engine, source)
        answer = _Answer(without_progress(audience.tell), closing=self._closing)
        end = await self._pass.answer(Audience(answer.take, audience.pace), said)
        answer.end()
        return _counted_once(end, spent) if isinstance(end, EngineEnd) else end

    def _rest(self, spent: int) -> Selection:
        """What is still to be done; where a grammar holds the answer, it leaves no room for more thoughts."""
        selection, sampling = self._selection, self._selection.sampling
        is_held = selection.request.format is not None or call_form(selection) is not None
        left = sampling.num_predict if sampling.num_predict < 0 else max(1, sampling.num_predict - spent)
        return replace(
            selection,
            request=replace(selection.request, think=False) if is_held else selection.request,
            sampling=replace(sampling, num_predict=left),
        )

    async def prompt(self) -> Prompt:
        """See Run."""
        return await self._pass.prompt()

    async def fitted_prompt(self) -> Prompt:
        """See Run."""
        return await self._pass.fitted_prompt()


class _BudgetIsSpent(Exception):
    """The model has thought enough."""


class _Watch:
    """Tells everything, and ends the pass behind the last thought that the budget allows."""

    def __init__(self, tell: Callable[[GenerationEvent], None], said: Said, *, closing: str, budget: int) -> None:
        self._tell, self._said, self._closing, self._budget = tell, said, closing, budget

    def take(self, event: GenerationEvent) -> None:
        """Tell the event. What an engine writes at once is taken for one token."""
        self._tell(event)
        if not isinstance(event, ThinkingDelta) or len(self._said.raw) < self._budget:
            return
        if self._closing not in "".join(self._said.raw):
            raise _BudgetIsSpent


class _Answer:
    """Tells everything but a closing tag in front: the model may have written its own behind ours."""

    def __init__(self, tell: Callable[[GenerationEvent], None], *, closing: str) -> None:
        self._tell, self._closing = tell, closing
        self._held: list[TextDelta] = []
        self._has_begun = False

    def take(self, event: GenerationEvent) -> None:
        """Tell the event, or hold it as long as it may belong to such a tag."""
        if self._has_begun or not isinstance(event, TextDelta):
            self.end()
            self._tell(event)
            return
        self._held.append(event)
        text = "".join(held.text for held in self._held).lstrip()
        if text.startswith(self._closing):
            rest = text.removeprefix(self._closing).lstrip()
            self._held = [TextDelta(rest, event.logprobs)] if rest else self._held
            self._has_begun = bool(rest)
        else:
            self._has_begun = not self._closing.startswith(text)
        if self._has_begun:
            self.end()

    def end(self) -> None:
        """Tell what is held: nothing more can make a tag of it."""
        held, self._held = self._held, []
        if "".join(event.text for event in held).strip() != self._closing:
            for event in held:
                self._tell(event)


def _counted_once(end: EngineEnd, spent: int) -> EngineEnd:
    prompt_tokens = max(0, end.prompt_tokens - spent)
    return replace(
        end,
        prompt_tokens=prompt_tokens,
        cached_tokens=min(end.cached_tokens, prompt_tokens),
        completion_tokens=end.completion_tokens + spent,
    )
