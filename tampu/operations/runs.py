"""One run of an engine: a completion of a prompt that we make, or a chat that the engine makes a prompt of itself.

Both send the prompt as it is and make it fit only where the engine says that it is too long.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Protocol

from tampu.engine.protocol import Engine, EngineChat, EngineCompletion, EngineEnd, StopKind
from tampu.errors import BadRequest, PromptTooLong
from tampu.generation import (
    ChatInput,
    CompletionInput,
    Dropped,
    GenerationEvent,
    TextDelta,
    ThinkingDelta,
    ToolCallReady,
)
from tampu.messages import Message, Tool
from tampu.operations.answer import AnswerReader, Opened, Stuck, read_answer
from tampu.operations.prompt import (
    ConversationPrompt,
    Prompt,
    PromptSource,
    chat_prompt,
    completion_prompt,
    conversation_prompt,
    cut_to_fit,
)
from tampu.operations.selection import Selection
from tampu.operations.structured import (
    allowed_tools,
    call_form,
    call_style,
    call_tag,
    is_demanded,
    reads_answer_itself,
    thinks_first,
    thoughts_before,
)
from tampu.parsing.formats.harmony import FINAL_MESSAGE
from tampu.parsing.formats.registry import OutputFormat, parser_named
from tampu.parsing.formats.request import ReplyRequest
from tampu.parsing.thinking import ThinkingParser
from tampu.parsing.tool_calls import ToolCallParser
from tampu.templates.images import with_markers
from tampu.templates.renderers.registry import RENDERERS

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


async def run_for(selection: Selection, engine: Engine) -> Run:
    """The run that serves this request."""
    request = selection.request
    if not isinstance(request.input, ChatInput):
        return CompletionRun(selection, engine, await completion_prompt(selection, request.input, engine))
    chat, properties = request.input, engine.properties
    if not reads_answer_itself(selection, chat, properties):
        return ChatRun(selection, chat, engine)
    if is_demanded(chat.tool_choice) and not properties.takes_grammars:
        raise BadRequest("this engine cannot be held to a tool_choice; leave it out, or use the bundled engine")
    source = chat_prompt(selection, chat, engine)
    if thinks_first(selection, properties):
        return ThinkingFirstRun(selection, engine, source)
    return CompletionRun(selection, engine, source)


class CompletionRun:
    """A prompt of our own making, and parsers of our own for what comes back."""

    def __init__(self, selection: Selection, engine: Engine, source: PromptSource, *, is_plain: bool = False) -> None:
        """`is_plain`: what comes back is text, nothing else."""
        self._selection, self._request = selection, selection.request
        self._engine, self._source, self._is_plain = engine, source, is_plain
        self._prompt: Prompt | None = None

    @property
    def dropped(self) -> Dropped:
        """See Run."""
        return self._prompt.dropped if self._prompt else Dropped()

    async def start(self, raw: list[str]) -> AsyncGenerator[RunEvent, None]:
        """See Run."""
        opened = await self._opened(await self.prompt())
        return read_answer(opened, self._reader(await self.prompt()), raw)

    async def _opened(self, prompt: Prompt) -> Opened:
        try:
            return await Opened.of(self._engine.complete(self._completion(prompt)))
        except PromptTooLong as error:
            if not self._request.truncate:
                raise
            known = error.tokens
        fitted = await self._source.fitted(self._engine, known)
        self._prompt, tokens = await cut_to_fit(
            replace(fitted, text=self._without_bos(fitted.text)),
            self._engine,
            keep=self._selection.sampling.num_keep,
            may_cut=self._selection.load.spec.context_shift,
        )
        return await Opened.of(self._engine.complete(self._completion(self._prompt, tokens)))

    def _completion(self, prompt: Prompt, tokens: Sequence[int] | None = None) -> EngineCompletion:
        request = self._request
        text = self._without_bos(prompt.text)
        text, images = with_markers(text, prompt.images, self._engine.properties.media_marker)
        takes_grammars = self._engine.properties.takes_grammars
        calls = call_form(self._selection) if takes_grammars else None
        is_held = takes_grammars and bool(calls or request.format)
        return EngineCompletion(
            prompt=text if tokens is None else tokens,
            sampling=self._selection.sampling,
            images=images,
            format=request.format,
            logprobs=request.top_logprobs if request.logprobs else None,
            preserved=self._preserved(),
            thoughts=thoughts_before(self._selection, prompt.text) if is_held else None,
            calls=calls,
            reports_progress=request.progress,
        )

    def _without_bos(self, text: str) -> str:
        """The prompt without the text that stands for a token which the engine adds itself."""
        renderer = RENDERERS.get(self._selection.facts.renderer)
        return text.removeprefix(renderer.bos) if renderer and self._engine.properties.adds_bos else text

    def _output_format(self) -> OutputFormat | None:
        """How the model's own format is read, where nothing holds the answer to another; raises UnknownFormat."""
        wanted, name = self._request.input, self._selection.facts.parser
        is_raw = isinstance(wanted, CompletionInput) and wanted.raw
        is_held = self._engine.properties.takes_grammars and (call_form(self._selection) or self._request.format)
        return None if not name or is_raw or is_held else parser_named(name)

    def _preserved(self) -> tuple[str, ...]:
        form = self._output_format()
        if form is not None:
            return form.preserved
        return (call_style(self._selection).tag,) if _tools(self._request.input) else ()

    def _reader(self, prompt: Prompt) -> AnswerReader:
        if self._is_plain:
            return AnswerReader()
        form, wanted = self._output_format(), self._request.input
        if form is not None:
            last = wanted.messages[-1] if isinstance(wanted, ChatInput) and wanted.messages else None
            asked = ReplyRequest(tools=_tools(wanted), think=self._request.think, last=last)
            return AnswerReader(parser=form.parser(asked))
        tools, thoughts = _tools(self._request.input), thoughts_before(self._selection, prompt.text)
        thinking = ThinkingParser(thoughts.opening, thoughts.closing, primed=thoughts.is_open) if thoughts else None
        parser = ToolCallParser(call_tag(self._selection), tools) if tools else None
        return AnswerReader(thinking=thinking, tool_calls=parser)

    async def prompt(self) -> Prompt:
        """See Run."""
        if self._prompt is None:
            self._prompt = await self._source.whole()
        return self._prompt

    async def fitted_prompt(self) -> Prompt:
        """See Run."""
        return await (self._source.fitted(self._engine) if self._request.truncate else self.prompt())


class ThinkingFirstRun:
    """An answer under a grammar from a model that thinks.

    It thinks freely, then it is asked again with its thoughts and the grammar. Counts and times are those of the
    second pass, as in Ollama.
    """

    def __init__(self, selection: Selection, engine: Engine, source: ConversationPrompt) -> None:
        self._selection, self._engine, self._source = selection, engine, source
        freely = replace(selection, request=replace(selection.request, format=None))
        self._pass = CompletionRun(freely, engine, source)

    @property
    def dropped(self) -> Dropped:
        """See Run."""
        return self._pass.dropped

    async def start(self, raw: list[str]) -> AsyncGenerator[RunEvent, None]:
        """See Run."""
        return self._events(await self._pass.start(raw), raw)

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
        self._pass = CompletionRun(self._selection, self._engine, source, is_plain=is_plain)
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


class ChatRun:
    """A conversation that the engine renders with the template in the weights file, and whose answer it parses."""

    def __init__(self, selection: Selection, chat: ChatInput, engine: Engine) -> None:
        self._selection, self._request, self._engine = selection, selection.request, engine
        self._tools, self._must_call = tuple(allowed_tools(chat)), is_demanded(chat.tool_choice)
        self._source = conversation_prompt(selection, chat, self._render)
        self.dropped = Dropped()

    async def start(self, raw: list[str]) -> AsyncGenerator[RunEvent, None]:
        """See Run."""
        return read_answer(await self._opened(), self._reader(), raw)

    def _reader(self) -> AnswerReader:
        """Takes thoughts out that the engine did not know for such: not every template tells it enough."""
        tags = self._selection.facts.thinking
        if not self._request.think or tags is None:
            return AnswerReader()
        return AnswerReader(thinking=ThinkingParser(tags.opening, tags.closing))

    async def _opened(self) -> Opened:
        try:
            return await Opened.of(self._engine.chat(self._chat(self._source.messages)))
        except PromptTooLong as error:
            if not self._request.truncate:
                raise
            known = error.tokens
        kept = await self._source.fit(self._engine, known)
        self.dropped = kept.dropped
        return await Opened.of(self._engine.chat(self._chat(kept.messages)))

    def _chat(self, messages: Sequence[Message]) -> EngineChat:
        request = self._request
        return EngineChat(
            messages=messages,
            sampling=self._selection.sampling,
            tools=self._tools,
            format=request.format,
            think=request.think,
            logprobs=request.top_logprobs if request.logprobs else None,
            must_call=self._must_call,
            reports_progress=request.progress,
        )

    async def _render(self, messages: Sequence[Message]) -> str:
        return await self._engine.render_chat(messages, tools=self._tools, think=self._request.think)

    async def prompt(self) -> Prompt:
        """See Run."""
        return await self._source.whole()

    async def fitted_prompt(self) -> Prompt:
        """See Run."""
        return await (self._source.fitted(self._engine) if self._request.truncate else self._source.whole())


def _tools(asked: object) -> tuple[Tool, ...]:
    return asked.tools if isinstance(asked, ChatInput) else ()
