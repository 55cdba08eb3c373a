"""Which run serves a request."""

from tampu.engine.protocol import Engine
from tampu.errors import BadRequest
from tampu.generation import ChatInput
from tampu.operations.budgeted_run import BudgetedRun
from tampu.operations.chat_run import ChatRun
from tampu.operations.completion_run import CompletionRun
from tampu.operations.prompt import chat_prompt, completion_prompt
from tampu.operations.run import Run
from tampu.operations.selection import Selection
from tampu.operations.structured import is_demanded, reads_answer_itself, thinking_limit, thinks_first
from tampu.operations.thinking_first_run import ThinkingFirstRun


async def run_for(selection: Selection, engine: Engine) -> Run:
    """The run that serves this request."""
    request = selection.request
    if not isinstance(request.input, ChatInput):
        return CompletionRun(selection, engine, await completion_prompt(selection, request.input, engine))
    chat, properties = request.input, engine.properties
    if not reads_answer_itself(selection, chat, properties):
        return ChatRun(selection, chat, engine)
    if is_demanded(chat.tool_choice) and not properties.takes_grammars:
        raise BadRequest("this model cannot be held to a tool_choice by its engine; leave it out, or ask another model")
    source = chat_prompt(selection, chat, engine)
    if thinks_first(selection, properties):
        return ThinkingFirstRun(selection, engine, source)
    budget, tags = thinking_limit(selection), selection.facts.thinking
    if budget is not None and tags is not None:
        return BudgetedRun(selection, engine, source, tags=tags, budget=budget)
    return CompletionRun(selection, engine, source)
