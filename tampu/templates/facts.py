"""What a Go template tells about its model: the tags around thinking and tool calls, and what it can do."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from tampu.templates.blanks import BLANKS
from tampu.templates.go import nodes
from tampu.templates.template import Template

BARE_TAG: Final = "{"
"""The tag of templates that name none: a call is then a JSON object at the start of the answer."""
_ROUND_TRIP_MARKS: Final = ('eq .Role "tool"', "tool_response", "TOOL_RESULTS")


@dataclass(frozen=True, slots=True)
class ThinkingTags:
    """The texts around a model's thinking; neither is empty."""

    opening: str
    closing: str


def thinking_tags(template: Template) -> ThinkingTags | None:
    """The tags around `.Thinking` in a loop over the messages; None where the template names not both."""
    opening = closing = ""
    for surrounding in _thinking_lists(template.root, in_messages=False):
        first, last = surrounding.nodes[0], surrounding.nodes[-1]
        opening = first.text.strip(BLANKS) if isinstance(first, nodes.TextNode) else opening
        closing = last.text.strip(BLANKS) if isinstance(last, nodes.TextNode) else closing
    return ThinkingTags(opening, closing) if opening and closing else None


def _thinking_lists(tree: nodes.ListNode, *, in_messages: bool) -> Iterator[nodes.ListNode]:
    """For each `.Thinking` inside a range over the messages: the list of nodes it stands in."""
    for node in tree.nodes:
        if isinstance(node, nodes.RangeNode):
            is_loop = _uses(node.pipe, "Messages")
            for part in nodes.parts(node):
                yield from _thinking_lists(part, in_messages=is_loop)
            continue
        pipe = None if isinstance(node, (nodes.TextNode, nodes.BreakNode, nodes.ContinueNode)) else node.pipe
        if in_messages and pipe is not None and _uses(pipe, "Thinking"):
            yield tree
        if isinstance(node, (nodes.IfNode, nodes.WithNode)):
            for part in nodes.parts(node):
                yield from _thinking_lists(part, in_messages=in_messages)


def _uses(pipe: nodes.PipeNode, field: str) -> bool:
    """Whether a pipeline reads that field of the cursor."""
    return any(isinstance(part, nodes.FieldNode) and part.names[0] == field for part in nodes.operands(pipe))


def tool_tag(template: Template) -> str:
    """The text in front of a tool call, taken from the first branch on `.ToolCalls`; `{` where there is none."""
    branch = _find_calls(template.root)
    text = _first_text(branch.body) if branch is not None else ""
    return text.replace("\r\n", "\n").partition("{")[0].strip(BLANKS) or BARE_TAG


def _find_calls(tree: nodes.ListNode) -> nodes.IfNode | None:
    for node in tree.nodes:
        if not isinstance(node, (nodes.IfNode, nodes.RangeNode, nodes.WithNode)):
            continue
        if isinstance(node, nodes.IfNode) and _asks_for_calls(node.pipe):
            return node
        for part in nodes.parts(node):
            found = _find_calls(part)
            if found is not None:
                return found
    return None


def _asks_for_calls(pipe: nodes.PipeNode) -> bool:
    operands = (part for command in pipe.commands for part in command.operands)
    return any(isinstance(part, nodes.FieldNode) and "ToolCalls" in part.names for part in operands)


def _first_text(tree: nodes.ListNode) -> str:
    """The first text that is not blank; empty where an output, or a branch without text, comes before it."""
    for node in tree.nodes:
        if isinstance(node, nodes.TextNode) and node.text.strip(BLANKS):
            return node.text
        if isinstance(node, nodes.ActionNode):
            return ""
        if isinstance(node, (nodes.IfNode, nodes.RangeNode, nodes.WithNode)):
            return next(filter(None, map(_first_text, nodes.parts(node))), "")
    return ""


def can_do_tool_round_trip(template: Template) -> bool:
    """Whether the template shows calls and their results, so that an agent's loop can be told to the model."""
    shows_both = {"tools", "toolcalls"} <= template.variables
    return shows_both and any(mark in template.source for mark in _ROUND_TRIP_MARKS)
