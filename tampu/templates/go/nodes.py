"""The tree of a parsed template. Each node knows its place and its own text, which error messages quote."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from tampu.templates.go.numbers import Number
from tampu.templates.go.quoting import go_quote


@dataclass(frozen=True, slots=True, eq=False)
class TextNode:
    """Literal text."""

    position: int
    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True, eq=False)
class DotNode:
    """The cursor."""

    position: int

    def __str__(self) -> str:
        return "."


@dataclass(frozen=True, slots=True, eq=False)
class NilNode:
    """The untyped nil."""

    position: int

    def __str__(self) -> str:
        return "nil"


@dataclass(frozen=True, slots=True, eq=False)
class BoolNode:
    """true or false."""

    position: int
    value: bool

    def __str__(self) -> str:
        return "true" if self.value else "false"


@dataclass(frozen=True, slots=True, eq=False)
class NumberNode:
    """A number or a character constant, as written and as meant."""

    position: int
    source: str
    value: Number

    def __str__(self) -> str:
        return self.source


@dataclass(frozen=True, slots=True, eq=False)
class StringNode:
    """A string constant, as written and as meant."""

    position: int
    source: str
    value: str

    def __str__(self) -> str:
        return self.source


@dataclass(frozen=True, slots=True, eq=False)
class FieldNode:
    """Fields of the cursor: `.a.b`."""

    position: int
    names: tuple[str, ...]

    def __str__(self) -> str:
        return "." + ".".join(self.names)


@dataclass(frozen=True, slots=True, eq=False)
class VariableNode:
    """A variable and fields of it: `$x.a.b`; the first name has its `$`."""

    position: int
    names: tuple[str, ...]

    def __str__(self) -> str:
        return ".".join(self.names)


@dataclass(frozen=True, slots=True, eq=False)
class ChainNode:
    """Fields of a parenthesised pipeline: `(f x).a`."""

    position: int
    operand: "Operand"
    names: tuple[str, ...]

    def __str__(self) -> str:
        inner = f"({self.operand})" if isinstance(self.operand, PipeNode) else str(self.operand)
        return inner + "".join(f".{name}" for name in self.names)


@dataclass(frozen=True, slots=True, eq=False)
class IdentifierNode:
    """The name of a function."""

    position: int
    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True, eq=False)
class CommandNode:
    """A function or value and its arguments."""

    position: int
    operands: tuple["Operand", ...]

    def __str__(self) -> str:
        return " ".join(f"({part})" if isinstance(part, PipeNode) else str(part) for part in self.operands)


@dataclass(frozen=True, slots=True, eq=False)
class PipeNode:
    """Commands joined by `|`, and the variables that take the result."""

    position: int
    declared: tuple[VariableNode, ...]
    assigns: bool
    commands: tuple[CommandNode, ...]

    def __str__(self) -> str:
        sign = " = " if self.assigns else " := "
        names = ", ".join(str(variable) for variable in self.declared)
        return (names + sign if names else "") + " | ".join(str(command) for command in self.commands)


@dataclass(frozen=True, slots=True, eq=False)
class ActionNode:
    """A pipeline whose result is printed."""

    position: int
    pipe: PipeNode

    def __str__(self) -> str:
        return f"{{{{{self.pipe}}}}}"


@dataclass(frozen=True, slots=True, eq=False)
class ListNode:
    """Nodes that follow one another."""

    position: int
    nodes: tuple["Node", ...]

    def __str__(self) -> str:
        return "".join(str(node) for node in self.nodes)


@dataclass(frozen=True, slots=True, eq=False)
class _BranchNode:
    position: int
    pipe: PipeNode
    body: ListNode
    otherwise: ListNode | None

    def _text(self, keyword: str) -> str:
        otherwise = "" if self.otherwise is None else f"{{{{else}}}}{self.otherwise}"
        return f"{{{{{keyword} {self.pipe}}}}}{self.body}{otherwise}{{{{end}}}}"


@dataclass(frozen=True, slots=True, eq=False)
class IfNode(_BranchNode):
    """`if`: the body where the pipeline is true."""

    def __str__(self) -> str:
        return self._text("if")


@dataclass(frozen=True, slots=True, eq=False)
class RangeNode(_BranchNode):
    """`range`: the body for each element."""

    def __str__(self) -> str:
        return self._text("range")


@dataclass(frozen=True, slots=True, eq=False)
class WithNode(_BranchNode):
    """`with`: the body with the pipeline's value as cursor, where that is true."""

    def __str__(self) -> str:
        return self._text("with")


@dataclass(frozen=True, slots=True, eq=False)
class TemplateNode:
    """A call of a defined template."""

    position: int
    name: str
    pipe: PipeNode | None

    def __str__(self) -> str:
        argument = "" if self.pipe is None else f" {self.pipe}"
        return f"{{{{template {go_quote(self.name)}{argument}}}}}"


@dataclass(frozen=True, slots=True, eq=False)
class BreakNode:
    """Leaves the innermost range."""

    position: int

    def __str__(self) -> str:
        return "{{break}}"


@dataclass(frozen=True, slots=True, eq=False)
class ContinueNode:
    """Goes on with the next element of the innermost range."""

    position: int

    def __str__(self) -> str:
        return "{{continue}}"


@dataclass(frozen=True, slots=True, eq=False)
class EndNode:
    """`{{end}}`; the parser only."""

    position: int

    def __str__(self) -> str:
        return "{{end}}"


@dataclass(frozen=True, slots=True, eq=False)
class ElseNode:
    """`{{else}}`; the parser only."""

    position: int

    def __str__(self) -> str:
        return "{{else}}"


BranchNode: TypeAlias = IfNode | RangeNode | WithNode
Operand: TypeAlias = (
    DotNode
    | NilNode
    | BoolNode
    | NumberNode
    | StringNode
    | FieldNode
    | VariableNode
    | ChainNode
    | IdentifierNode
    | PipeNode
)
Node: TypeAlias = TextNode | ActionNode | IfNode | RangeNode | WithNode | TemplateNode | BreakNode | ContinueNode
CONSTANTS: Final = (BoolNode, DotNode, NilNode, NumberNode, StringNode)


def parts(node: BranchNode) -> tuple[ListNode, ...]:
    """The bodies of a branch."""
    return (node.body,) if node.otherwise is None else (node.body, node.otherwise)


def operands(pipe: PipeNode) -> Iterator[Operand]:
    """The operands of all commands of a pipeline, those of parenthesised pipelines in place of these."""
    for command in pipe.commands:
        for operand in command.operands:
            if isinstance(operand, PipeNode):
                yield from operands(operand)
            else:
                yield operand
