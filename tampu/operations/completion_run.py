"""A run with a prompt of our own making, and parsers of our own for what comes back."""

from collections.abc import Sequence
from dataclasses import replace

from tampu.audience import Audience
from tampu.engine.protocol import Engine, EngineCompletion, EngineEnd
from tampu.errors import PromptTooLong
from tampu.generation import ChatInput, CompletionInput, Dropped, GenerationEvent
from tampu.messages import Tool
from tampu.operations.answer import AnswerReader, Said, Stuck, read_answer
from tampu.operations.prompt import Prompt, PromptSource, cut_to_fit
from tampu.operations.selection import Selection
from tampu.operations.structured import call_form, call_style, call_tag, thoughts_before
from tampu.parsing.formats.registry import OutputFormat, parser_named
from tampu.parsing.formats.request import ReplyRequest
from tampu.parsing.thinking import ThinkingParser
from tampu.parsing.tool_calls import ToolCallParser
from tampu.templates.images import with_markers
from tampu.templates.renderers.registry import RENDERERS


class CompletionRun:
    """Sends the prompt as it is, and makes it fit only where the engine says that it is too long."""

    def __init__(self, selection: Selection, engine: Engine, source: PromptSource, *, is_plain: bool = False) -> None:
        """`is_plain`: what comes back is text, nothing else."""
        self._selection, self._request = selection, selection.request
        self._engine, self._source, self._is_plain = engine, source, is_plain
        self._prompt: Prompt | None = None

    @property
    def dropped(self) -> Dropped:
        """See Run."""
        return self._prompt.dropped if self._prompt else Dropped()

    async def answer(self, audience: Audience[GenerationEvent], said: Said) -> EngineEnd | Stuck:
        """See Run."""
        prompt = await self.prompt()
        try:
            return await self._answered(prompt, None, audience, said)
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
        return await self._answered(self._prompt, tokens, audience, said)

    async def _answered(
        self, prompt: Prompt, tokens: Sequence[int] | None, audience: Audience[GenerationEvent], said: Said
    ) -> EngineEnd | Stuck:
        answer = self._engine.complete(self._completion(prompt, tokens))
        return await read_answer(answer, self._reader(prompt), said, audience, dropped=self.dropped)

    def _completion(self, prompt: Prompt, tokens: Sequence[int] | None) -> EngineCompletion:
        request = self._request
        text, images = with_markers(prompt.text, prompt.images, self._engine.properties.media_marker)
        takes_grammars = self._engine.properties.takes_grammars
        calls = call_form(self._selection) if takes_grammars else None
        is_held = takes_grammars and bool(calls or request.format)
        return EngineCompletion(
            prompt=tokens or prompt.tokens or text,
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
            whole = await self._source.whole()
            self._prompt = replace(whole, text=self._without_bos(whole.text))
        return self._prompt

    async def fitted_prompt(self) -> Prompt:
        """See Run."""
        return await (self._source.fitted(self._engine) if self._request.truncate else self._source.whole())


def _tools(asked: object) -> tuple[Tool, ...]:
    return asked.tools if isinstance(asked, ChatInput) else ()
