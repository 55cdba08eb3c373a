"""A parsed prompt template: its source, its trees, the variables it uses."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from tampu.errors import InvalidTemplate
from tampu.templates.go import nodes
from tampu.templates.go.budget import Budget
from tampu.templates.go.executor import Execution
from tampu.templates.go.functions import FUNCTIONS
from tampu.templates.go.parser import parse
from tampu.templates.go.values import Value

_RESPONSE: Final = nodes.ActionNode(
    0,
    nodes.PipeNode(0, (), assigns=False, commands=(nodes.CommandNode(0, (nodes.FieldNode(0, ("Response",)),)),)),
)


@dataclass(frozen=True, slots=True, eq=False)
class Template:
    """What a model's or a request's template says. `trees` by name, the main one under ""."""

    source: str
    trees: Mapping[str, nodes.ListNode]
    variables: frozenset[str]

    @property
    def root(self) -> nodes.ListNode:
        """The main tree."""
        return self.trees[""]

    def execute(self, data: Value, *, today: date, budget: Budget | None = None) -> str:
        """The text of the template over the data; raises TemplateFailed."""
        return Execution(self.source, self.trees, budget=budget or Budget(), today=today).run("", data)


def parse_template(text: str) -> Template:
    """The template of that text; raises InvalidTemplate. One that never prints an answer gets that appended."""
    trees = parse(text, FUNCTIONS)
    variables = _variables(trees)
    if not variables & {"messages", "response"}:
        root = trees[""]
        trees[""] = nodes.ListNode(root.position, (*root.nodes, _RESPONSE))
        variables |= {"response"}
    return Template(text, trees, variables)


def _variables(trees: Mapping[str, nodes.ListNode]) -> frozenset[str]:
    return frozenset(name.lower() for tree in trees.values() for name in _names(tree))


def _names(tree: nodes.ListNode) -> Iterator[str]:
    """Every component of the fields and variables below; a field of a parenthesised pipeline hides all of that."""
    for node in tree.nodes:
        pipe = _pipe_of(node)
        for operand in nodes.operands(pipe) if pipe is not None else ():
            if isinstance(operand, (nodes.FieldNode, nodes.VariableNode)):
                yield from operand.names
        if isinstance(node, (nodes.IfNode, nodes.RangeNode, nodes.WithNode)):
            for part in nodes.parts(node):
                yield from _names(part)


def _pipe_of(node: nodes.Node) -> nodes.PipeNode | None:
    if isinstance(node, (nodes.TextNode, nodes.BreakNode, nodes.ContinueNode)):
        return None
    if node.pipe is None:
        raise InvalidTemplate("undefined template specified")
    return node.pipe
