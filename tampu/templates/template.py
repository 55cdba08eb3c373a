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


def _names(node: nodes.ListNode | nodes.Node | nodes.Operand) -> Iterator[str]:
    """Every component of the fields and variables below a node; a field of a parenthesised pipeline hides all of it."""
    match node:
        case nodes.ListNode():
            for child in node.nodes:
                yield from _names(child)
        case nodes.IfNode() | nodes.RangeNode() | nodes.WithNode():
            for part in (node.pipe, node.body, node.otherwise):
                if part is not None:
                    yield from _names(part)
        case nodes.ActionNode():
            yield from _names(node.pipe)
        case nodes.TemplateNode():
            if node.pipe is None:
                raise InvalidTemplate("undefined template specified")
            yield from _names(node.pipe)
        case nodes.PipeNode():
            for command in node.commands:
                for operand in command.operands:
                    yield from _names(operand)
        case nodes.FieldNode() | nodes.VariableNode():
            yield from node.names
        case _:
            return
