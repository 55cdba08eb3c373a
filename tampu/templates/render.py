"""From messages to a prompt with a Go template: the message mode, the legacy mode, filling in the middle."""

from collections.abc import Iterable, Sequence
from datetime import date

import msgspec

from tampu.generation import Think
from tampu.messages import Message, Tool
from tampu.templates.go.budget import Budget
from tampu.templates.go.executor import Execution
from tampu.templates.go.functions import BUILTIN
from tampu.templates.go.values import Slice, Value
from tampu.templates.messages_data import message_value, tools_value
from tampu.templates.response_cut import cut_after_response
from tampu.templates.template import Template


def render_messages(
    template: Template,
    messages: Sequence[Message],
    *,
    tools: Sequence[Tool] | None = None,
    think: Think | None = None,
    budget: Budget | None = None,
    today: date | None = None,
) -> str:
    """The prompt of a conversation; raises TemplateFailed. `tools` None prints as in a chat without any.

    `think` None: the request does not say and the model has no default. `budget` None: what so many messages may take.
    `today` is for tests.
    """
    today = today or date.today()  # noqa: DTZ011 - templates print the local date, as Ollama does
    collated = collate(messages)
    thinking = _think_data(think)
    budget = budget or Budget.for_items(len(collated) + len(tools or ()))
    if "messages" not in template.variables:
        return _render_turns(template, collated, thinking, today, budget)
    data: dict[str, Value] = {
        "System": _system(messages),
        "Messages": Slice("[]*template.templateMessage", map(message_value, collated)),
        "Tools": tools_value(tools),
        "Response": "",
        **thinking,
    }
    return template.execute(data, today=today, budget=budget)


def render_fill_in_the_middle(
    template: Template,
    prompt: str,
    suffix: str,
    *,
    think: Think | None = None,
    budget: Budget | None = None,
    today: date | None = None,
) -> str:
    """The prompt that asks for the text between two others; raises TemplateFailed."""
    today = today or date.today()  # noqa: DTZ011 - templates print the local date, as Ollama does
    data: dict[str, Value] = {"Prompt": prompt, "Suffix": suffix, "Response": "", **_think_data(think)}
    return template.execute(data, today=today, budget=budget)


def collate(messages: Iterable[Message]) -> list[Message]:
    """Neighbours of one role as one message, contents joined by a blank line; results of tools stay apart.

    The joined message keeps the images, thinking and calls of the first.
    """
    collated: list[Message] = []
    contents: list[list[str]] = []
    for message in messages:
        if collated and collated[-1].role == message.role != "tool":
            contents[-1].append(message.content)
        else:
            collated.append(message)
            contents.append([message.content])
    return [
        message if len(parts) == 1 else msgspec.structs.replace(message, content="\n\n".join(parts))
        for message, parts in zip(collated, contents, strict=True)
    ]


def _system(messages: Iterable[Message]) -> str:
    return "\n\n".join(message.content for message in messages if message.role == "system")


def _think_data(think: Think | None) -> dict[str, Value]:
    level = think if isinstance(think, str) else "medium" if think else ""
    return {"Think": bool(think), "ThinkLevel": level, "IsThinkSet": think is not None}


def _render_turns(
    template: Template, messages: list[Message], thinking: dict[str, Value], today: date, budget: Budget
) -> str:
    """The legacy mode: the template once per exchange, the last time cut after the answer."""
    parts: list[str] = []
    turn = {"System": "", "Prompt": "", "Response": ""}
    for message in messages:
        is_complete = turn["Response"] if message.role == "user" else turn["Prompt"] or turn["Response"]
        if message.role in {"system", "user"} and is_complete:
            parts.append(template.execute({**turn, **thinking}, today=today, budget=budget))
            turn = {"System": "", "Prompt": "", "Response": ""}
        slot = {"system": "System", "user": "Prompt", "assistant": "Response"}.get(message.role)
        if slot is not None:
            turn[slot] = message.content
    # Ollama loses its own functions, the defined templates and the missing-key option in the copy that it cuts.
    last = Execution(
        template.source,
        {"": cut_after_response(template.root)},
        budget=budget,
        today=today,
        functions=BUILTIN,
        strict_chains=False,
    )
    parts.append(last.run("", {**turn, **thinking}))
    return "".join(parts)
