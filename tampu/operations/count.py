"""How many tokens the prompt of a request has, as the engine that would answer it counts them."""

from contextlib import aclosing
from dataclasses import replace

from tampu.arrival import Arrival
from tampu.errors import EngineError, PromptTooLong
from tampu.generation import ChatInput, Finished, GenerationRequest
from tampu.operations.generate import Generate


async def count_tokens(generate: Generate, request: GenerationRequest, *, arrival: Arrival) -> int:
    """The tokens of the whole prompt, also of one that is too long to be answered; raises what `generate` raises.

    A prompt of text is only cut into tokens. How many a picture becomes is known once it was looked at, so a prompt
    with pictures is read as if for an answer.
    """
    options = {**request.options, "num_predict": 1 if _has_images(request) else 0}
    # A form of the answer is no part of its prompt, but may take a pass before the one that is counted.
    asked = replace(request, options=options, format=None, truncate=False, stream=False)
    try:
        async with aclosing(generate(asked, arrival=arrival)) as events:
            async for event in events:
                if isinstance(event, Finished):
                    return event.usage.prompt_tokens
    except PromptTooLong as error:
        if error.tokens is None:
            raise
        return error.tokens
    raise EngineError("the count of tokens never came; try again")


def _has_images(request: GenerationRequest) -> bool:
    return isinstance(request.input, ChatInput) and any(message.images for message in request.input.messages)
