"""The prompt of a completion: how it is made of a request, and how it is made to fit where it is too long."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol

from anyio import to_thread

from tampu.engine.protocol import Engine
from tampu.errors import BadRequest, InvalidTemplate, PromptTooLong, TemplateFailed, TemplateTooCostly
from tampu.generation import ChatInput, CompletionInput, Dropped, Think
from tampu.messages import Message, Tool
from tampu.operations.bounds import check_length
from tampu.operations.conversation import chat_messages, completion_messages
from tampu.operations.facts import ModelFacts
from tampu.operations.selection import Selection
from tampu.parsing.formats.harmony import renamed_tools
from tampu.templates.choose import HARMONY_FAMILIES, PromptPath
from tampu.templates.described_tools import with_described_tools
from tampu.templates.fit import IMAGE_TOKENS, FitSearch, Fitted, cut_tokens
from tampu.templates.go.budget import Budget
from tampu.templates.images import tag_images
from tampu.templates.render import render_fill_in_the_middle, render_messages
from tampu.templates.renderers.registry import renderer_named, resolved_name
from tampu.templates.template import Template, parse_template

_HARMONY = "harmony"
_QUICK_LENGTH = 500_000
"""Characters of a conversation that are joined within a millisecond or two."""
_QUICK_PARTS = 150
"""Messages, tools and arguments of tools that are written within a millisecond or two."""
_TOO_LONG = (
    "the prompt is longer than the context length currently available to the model; shorten the prompt, "
    "adjust the context length in settings, or use a model with a longer context length"
)


@dataclass(frozen=True, slots=True)
class Prompt:
    """A rendered prompt. `[img-N]` in the text stands for image N. `tokens`: the caller's own, whose text this is."""

    text: str
    images: tuple[bytes, ...] = ()
    dropped: Dropped = field(default_factory=Dropped)
    tokens: tuple[int, ...] = ()


class PromptSource(Protocol):
    """What can be rendered whole, or shortened until it fits."""

    async def whole(self) -> Prompt:
        """The prompt with everything in it."""
        ...

    async def fitted(self, engine: Engine, tokens: int | None = None) -> Prompt:
        """The prompt with as much left out as is needed, and possible, to fit the engine's context.

        `tokens`: how many the whole one has, where that is known.
        """
        ...


@dataclass(frozen=True, slots=True)
class FixedPrompt:
    """A prompt that cannot be shortened by leaving messages out."""

    prompt: Prompt

    async def whole(self) -> Prompt:
        """The prompt."""
        return self.prompt

    async def fitted(self, engine: Engine, tokens: int | None = None) -> Prompt:  # noqa: ARG002  # nothing to measure
        """The same: only its tokens can be cut."""
        return self.prompt


Render = Callable[[Sequence[Message]], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class ConversationPrompt:
    """A prompt made of messages: the oldest are left out first. `prefix`: the text of an earlier answer.

    `suffix`: what the answer is to begin with. `marks_images`: the places of images are marked before `render`.
    """

    messages: tuple[Message, ...]
    render: Render
    prefix: str = ""
    suffix: str = ""
    image_tokens: int = 0
    marks_images: bool = True

    async def whole(self) -> Prompt:
        """The prompt of all messages."""
        return await self._prompt(self.messages, Dropped())

    async def fitted(self, engine: Engine, tokens: int | None = None) -> Prompt:
        """The prompt of the messages that `fit` keeps."""
        kept = await self.fit(engine, tokens)
        return await self._prompt(kept.messages, kept.dropped)

    async def fit(self, engine: Engine, tokens: int | None = None) -> Fitted:
        """The last messages that fit; system messages and the very last one always stay."""
        has_images = any(message.images for message in self.messages)
        search = FitSearch(
            self.messages,
            limit=engine.properties.num_ctx,
            image_tokens=self.image_tokens,
            tokens=None if has_images else tokens,  # the engine counts images otherwise
        )
        while (candidate := search.candidate) is not None:
            search.measured(len(await engine.tokenize(self.prefix + await self.render(candidate) + self.suffix)))
        return search.result()

    def continued(self, message: Message) -> "ConversationPrompt":
        """The same with one message more."""
        return replace(self, messages=(*self.messages, message))

    async def _prompt(self, messages: tuple[Message, ...], dropped: Dropped) -> Prompt:
        marked = tag_images(messages) if self.marks_images else messages
        text = self.prefix + await self.render(marked) + self.suffix
        return Prompt(text, tuple(image for message in messages for image in message.images), dropped)


def conversation_prompt(selection: Selection, chat: ChatInput, render: Render) -> ConversationPrompt:
    """The prompt of a chat, whoever renders it."""
    messages = tuple(chat_messages(selection.model, chat.messages))
    if selection.describes_tools:
        messages = with_described_tools(messages, chat.tools)
    return ConversationPrompt(messages, render, image_tokens=_image_tokens(selection))


def chat_prompt(selection: Selection, chat: ChatInput, engine: Engine) -> ConversationPrompt:
    """The prompt of a chat that goes to the engine as text, whichever template makes it."""
    tools = () if selection.describes_tools else chat.tools
    think = selection.request.think
    if selection.facts.parser == _HARMONY:
        tools = renamed_tools(tools)
        think = "high" if think == "max" and selection.model.config.model_family in HARMONY_FAMILIES else think
    if selection.facts.paths.chat is PromptPath.RENDERER:
        source = conversation_prompt(selection, chat, _with_renderer(selection, tools))
        return replace(source, marks_images=False)
    if selection.facts.paths.chat is PromptPath.ENGINE:
        return conversation_prompt(selection, chat, partial(engine.render_chat, tools=tools, think=think))
    return conversation_prompt(selection, chat, _with_template(selection.facts.template, tools or None, think))


async def completion_prompt(selection: Selection, wanted: CompletionInput, engine: Engine) -> PromptSource:
    """The prompt of a completion, in the first of its forms that applies; raises TemplateFailed."""
    facts, think = selection.facts, selection.request.think
    if wanted.tokens:
        if (strange := strange_token(wanted.tokens, facts)) is not None:
            raise BadRequest(f"prompt holds {strange}, which is no token of this model; send text")
        return FixedPrompt(Prompt(await engine.detokenize(wanted.tokens), tokens=wanted.tokens))
    if wanted.raw:
        return FixedPrompt(Prompt(wanted.prompt, wanted.images))
    prefix = await _earlier_text(wanted.context, facts, engine) if wanted.context else ""
    messages = tuple(completion_messages(selection.model, wanted))
    if wanted.suffix or wanted.template:
        # Sent as it is: no marks for images, nothing left out.
        text = await _without_delay(partial(_rendered, facts.template, wanted, messages, think), messages)
        check_length(len(text), num_ctx=engine.properties.num_ctx)
        return FixedPrompt(Prompt(prefix + text, wanted.images))
    is_rendered = facts.paths.generate is PromptPath.RENDERER
    render = _with_renderer(selection, ()) if is_rendered else _completion_render(facts, engine, think)
    return ConversationPrompt(
        messages, render, prefix, image_tokens=_image_tokens(selection), marks_images=not is_rendered
    )


async def _without_delay(
    render: Callable[..., str], messages: Sequence[Message] = (), tools: Sequence[Tool] | None = None
) -> str:
    """What is quickly rendered at once, anything else in a thread: others wait for the event loop."""
    if not _is_small(messages, tools or ()):
        return await to_thread.run_sync(render)
    try:
        return render(budget=Budget.quick())
    except TemplateTooCostly:
        return await to_thread.run_sync(render)


def _is_small(messages: Sequence[Message], tools: Sequence[Tool]) -> bool:
    """Whether few and short messages and tools are to be rendered."""
    parts = len(messages) + sum(1 + len(tool.function.parameters.properties or ()) for tool in tools)
    return parts <= _QUICK_PARTS and sum(len(message.content) for message in messages) <= _QUICK_LENGTH


def _rendered(
    template: Template,
    wanted: CompletionInput,
    messages: Sequence[Message],
    think: Think | None,
    *,
    budget: Budget | None = None,
) -> str:
    """What the caller's template makes of a completion; the model's own, where text is to be filled in without one.

    Raises InvalidTemplate where the caller's cannot be read or fails.
    """
    try:
        used = parse_template(wanted.template) if wanted.template else template
        if wanted.suffix:
            return render_fill_in_the_middle(used, wanted.prompt, wanted.suffix, think=think, budget=budget)
        return render_messages(used, messages, tools=(), think=think, budget=budget)
    except TemplateTooCostly:
        raise
    except TemplateFailed as error:
        if wanted.template:
            raise InvalidTemplate(error.message) from error
        raise


async def _earlier_text(context: Sequence[int], facts: ModelFacts, engine: Engine) -> str:
    """The text of an earlier answer's `context`; raises BadRequest for ids that are no tokens of the model."""
    strange = strange_token(context, facts)
    if strange is not None:
        raise BadRequest(f"context holds {strange}, which is no token of this model; send what it answered itself")
    return await engine.detokenize(context)


def strange_token(tokens: Sequence[int], facts: ModelFacts) -> int | None:
    """The first of `tokens` that the model's vocabulary does not have; an engine would die of it."""
    known = facts.footprint.vocab_size
    if not tokens or (min(tokens) >= 0 and not max(tokens) >= known > 0):
        return None  # the usual case, without a step of Python for each of very many
    return next((token for token in tokens if token < 0 or token >= known > 0), None)


def _image_tokens(selection: Selection) -> int:
    return IMAGE_TOKENS if selection.model.projectors or selection.facts.holds_projector else 0


def _completion_render(facts: ModelFacts, engine: Engine, think: Think | None) -> Render:
    if facts.paths.generate is PromptPath.ENGINE:
        return partial(engine.render_chat, think=think)
    return _with_template(facts.template, (), think)


def _with_renderer(selection: Selection, tools: Sequence[Tool]) -> Render:
    """The prompt format that the model names; raises UnknownFormat."""
    name, config = selection.model.name, selection.model.config
    renderer = renderer_named(resolved_name(selection.facts.renderer, (name.short, name.full), config.model_type))

    async def render(messages: Sequence[Message]) -> str:
        prompt = partial(renderer.prompt, messages, tools=tools, think=selection.request.think)
        return prompt() if _is_small(messages, tools) else await to_thread.run_sync(prompt)

    return render


def _with_template(template: Template, tools: Sequence[Tool] | None, think: Think | None) -> Render:
    async def render(messages: Sequence[Message]) -> str:
        rendered = partial(render_messages, template, messages, tools=tools, think=think)
        return await _without_delay(rendered, messages, tools)

    return render


async def cut_to_fit(prompt: Prompt, engine: Engine, *, keep: int, may_cut: bool) -> tuple[Prompt, list[int] | None]:
    """The prompt's token ids without their middle, or None where its text fits; raises PromptTooLong."""
    tokens = await engine.tokenize(prompt.text)
    properties = engine.properties
    cut = cut_tokens(len(tokens), context=properties.num_ctx, keep=keep, adds_bos=properties.adds_bos)
    if cut is None or prompt.images:
        return prompt, None
    if not may_cut:
        raise PromptTooLong(_TOO_LONG, tokens=len(tokens), limit=properties.num_ctx)
    kept = [*tokens[: cut.head], *tokens[len(tokens) - cut.tail :]]
    dropped = Dropped(messages=prompt.dropped.messages, tokens=cut.dropped.tokens)
    return Prompt(prompt.text, prompt.images, dropped), kept
