"""A run of a conversation that the engine renders with the template in the weights file, and whose answer it parses."""

from collections.abc import Sequence

from tampu.audience import Audience
from tampu.engine.protocol import Engine, EngineChat, EngineEnd
from tampu.errors import PromptTooLong
from tampu.generation import ChatInput, Dropped, GenerationEvent
from tampu.messages import Message
from tampu.operations.answer import AnswerReader, Said, Stuck, read_answer
from tampu.operations.prompt import Prompt, conversation_prompt
from tampu.operations.selection import Selection
from tampu.operations.structured import allowed_tools, is_demanded
from tampu.parsing.thinking import ThinkingParser


class ChatRun:
    """Sends the messages as they are, and makes them fit only where the engine says that they are too long."""

    def __init__(self, selection: Selection, chat: ChatInput, engine: Engine) -> None:
        self._selection, self._request, self._engine = selection, selection.request, engine
        self._tools, self._must_call = tuple(allowed_tools(chat)), is_demanded(chat.tool_choice)
        self._source = conversation_prompt(selection, chat, self._render)
        self.dropped = Dropped()

    async def answer(self, audience: Audience[GenerationEvent], said: Said) -> EngineEnd | Stuck:
        """See Run."""
        try:
            return await self._answered(self._source.messages, audience, said)
        except PromptTooLong as error:
            if not self._request.truncate:
                raise
            known = error.tokens
        kept = await self._source.fit(self._engine, known)
        self.dropped = kept.dropped
        return await self._answered(kept.messages, audience, said)

    async def _answered(
        self, messages: Sequence[Message], audience: Audience[GenerationEvent], said: Said
    ) -> EngineEnd | Stuck:
        answer = self._engine.chat(self._chat(messages))
        return await read_answer(answer, self._reader(), said, audience, dropped=self.dropped)

    def _reader(self) -> AnswerReader:
        """Takes thoughts out that the engine did not know for such: not every template tells it enough."""
        tags = self._selection.facts.thinking
        if not self._request.think or tags is None:
            return AnswerReader()
        return AnswerReader(thinking=ThinkingParser(tags.opening, tags.closing))

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
