"""What is refused before an engine works on it."""

import pytest

from tampu.errors import BadRequest, PromptTooLong
from tampu.messages import Tool, ToolFunction, ToolParameters, ToolProperty
from tampu.operations.bounds import check_length, check_tools


def tool(count: int, description: str = "x") -> Tool:
    properties = {f"p{number}": ToolProperty(type="string", description=description) for number in range(count)}
    return Tool(ToolFunction(name="f", parameters=ToolParameters(properties=properties)))


def test_a_long_conversation_is_taken_whatever_the_context() -> None:
    check_length(1 << 20, num_ctx=512)
    check_length(30_000_000, num_ctx=131_072)


@pytest.mark.parametrize(("characters", "num_ctx"), [((1 << 20) + 1, 512), (60_000_000, 131_072)])
def test_what_could_never_fit_is_refused_with_numbers(characters: int, num_ctx: int) -> None:
    with pytest.raises(PromptTooLong, match=f"{characters} characters") as refused:
        check_length(characters, num_ctx=num_ctx)
    assert refused.value.limit == num_ctx


def test_tools() -> None:
    check_tools([])
    check_tools([tool(30)] * 100)
    with pytest.raises(BadRequest, match="the tools take 1"):
        check_tools([tool(10, "x" * 100_000)])
    with pytest.raises(BadRequest, match='the tool "f" has 301 properties'):
        check_tools([tool(3), tool(301)])


def test_properties_inside_properties_count() -> None:
    inner = {f"p{number}": ToolProperty() for number in range(200)}
    outer = {"a": ToolProperty(properties=inner), "b": ToolProperty(any_of=[ToolProperty(properties=inner)])}
    with pytest.raises(BadRequest, match="403 properties"):
        check_tools([Tool(ToolFunction(name="f", parameters=ToolParameters(properties=outer)))])
