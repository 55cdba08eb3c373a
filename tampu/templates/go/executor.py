"""Walks the tree of a template over its data. Values are looked up in dicts and records, never as Python attributes."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from enum import Enum, auto
from typing import Any, Final

from tampu.errors import TemplateFailed
from tampu.templates.go import nodes
from tampu.templates.go.budget import Budget
from tampu.templates.go.failures import FunctionError, NotAFunction
from tampu.templates.go.fields import chain, has_method
from tampu.templates.go.functions import FUNCTIONS, Function, Surroundings
from tampu.templates.go.json_text import sorted_names
from tampu.templates.go.printing import format_value, print_value
from tampu.templates.go.quoting import go_quote
from tampu.templates.go.values import (
    Boxed,
    Byte,
    JsonMap,
    Value,
    is_true,
    type_name,
    without_cut_characters,
)

_SEE_BOXES: Final = frozenset({"len", "slice"})
"""Functions that look at what a value is declared as."""
_LARGEST_INT: Final = 2**63 - 1
_ANY_LIST: Final = "[]interface {}"
_MISSING: Final = object()
"""No value comes from the command before, which is not the same as nil coming from it."""


class _Leave(Enum):
    BREAK = auto()
    CONTINUE = auto()


class Execution:
    """One execution. `strict_chains` False: a field of a missing value is missing too, instead of an error."""

    def __init__(
        self,
        source: str,
        trees: Mapping[str, nodes.ListNode],
        *,
        budget: Budget,
        today: date,
        functions: Mapping[str, Function] = FUNCTIONS,
        strict_chains: bool = True,
    ) -> None:
        self._source, self._trees, self._functions = source, trees, functions
        self._budget, self._strict_chains = budget, strict_chains
        self._surroundings = Surroundings(budget, today)
        self._name = ""
        self._at: Any = None  # the node that errors name, as Go's executor keeps it
        self._variables: list[tuple[str, Value]] = []  # a Boxed stays one in the variable of a range
        self._parts: list[str] = []
        self._walkers: dict[type, Callable[[Value, Any], _Leave | None]] = {
            nodes.TextNode: self._text,
            nodes.ActionNode: self._action,
            nodes.IfNode: self._if,
            nodes.WithNode: self._with,
            nodes.RangeNode: self._range,
            nodes.TemplateNode: self._template,
            nodes.BreakNode: lambda _dot, _node: _Leave.BREAK,
            nodes.ContinueNode: lambda _dot, _node: _Leave.CONTINUE,
        }
        self._evaluators: dict[type, Callable[[Value, Any], Value]] = {
            nodes.FieldNode: self._field,
            nodes.VariableNode: self._variable,
            nodes.ChainNode: self._chain,
            nodes.PipeNode: self._nested_pipe,
            nodes.IdentifierNode: self._function_name,
        }

    def run(self, name: str, data: Value) -> str:
        """The text of the named template over the data; raises TemplateFailed."""
        self._variables = [("$", data)]
        self._list(data, self._trees[name])
        return without_cut_characters("".join(self._parts))

    def _failure(self, message: str) -> TemplateFailed:
        position = self._at.position
        before = self._source[:position]
        line = before.count("\n") + 1
        column = len(before[before.rfind("\n") + 1 :].encode())
        where = f"template: :{line}:{column}: executing {go_quote(self._name)} at <{self._at}>"
        return TemplateFailed(f"{where}: {message}")

    # Nodes.

    def _list(self, dot: Value, tree: nodes.ListNode) -> _Leave | None:
        self._budget.spend_steps(1 + len(tree.nodes))
        for node in tree.nodes:
            leave = self._walkers[type(node)](dot, node)
            if leave is not None:
                return leave
        return None

    def _write(self, text: str) -> None:
        self._budget.spend_text(len(text))
        self._parts.append(text)

    def _text(self, dot: Value, node: nodes.TextNode) -> None:
        del dot
        self._write(node.text)

    def _action(self, dot: Value, node: nodes.ActionNode) -> None:
        self._at = node
        value = self._pipe(dot, node.pipe)
        if not node.pipe.declared:
            self._write(value if type(value) is str else print_value(value))

    def _block(self, dot: Value, tree: nodes.ListNode) -> _Leave | None:
        self._budget.enter()
        leave = self._list(dot, tree)
        self._budget.leave()
        return leave

    def _if(self, dot: Value, node: nodes.IfNode) -> _Leave | None:
        mark = len(self._variables)
        leave = None
        if is_true(self._pipe(dot, node.pipe)):
            leave = self._block(dot, node.body)
        elif node.otherwise is not None:
            leave = self._block(dot, node.otherwise)
        del self._variables[mark:]
        return leave

    def _with(self, dot: Value, node: nodes.WithNode) -> _Leave | None:
        mark = len(self._variables)
        value, leave = self._pipe(dot, node.pipe), None
        if is_true(value):
            leave = self._block(value, node.body)
        elif node.otherwise is not None:
            leave = self._block(dot, node.otherwise)
        del self._variables[mark:]
        return leave

    def _range(self, dot: Value, node: nodes.RangeNode) -> _Leave | None:
        outer = len(self._variables)
        value = self._pipe(dot, node.pipe)
        mark = len(self._variables)
        leave, is_empty = None, True
        for index, element in self._elements(value, node):
            is_empty = False
            self._bind(node.pipe, mark, index, element)
            if self._block(element, node.body) is _Leave.BREAK:
                break
            del self._variables[mark:]
        if is_empty and node.otherwise is not None:
            leave = self._block(dot, node.otherwise)
        del self._variables[outer:]
        return leave

    def _elements(self, value: Value, node: nodes.RangeNode) -> Iterable[tuple[Value, Value]]:
        self._budget.spend_steps(1)
        if isinstance(value, bytes):
            return enumerate(map(Byte, value))
        if isinstance(value, list):
            return enumerate(map(Boxed, value) if type_name(value) == _ANY_LIST else value)
        if isinstance(value, dict):
            of_any = not isinstance(value, JsonMap) or value.zero is None
            return [(name, Boxed(value[name]) if of_any else value[name]) for name in sorted_names(value)]
        if isinstance(value, int) and not isinstance(value, bool):
            if len(node.pipe.declared) > 1:
                raise self._failure(f"can't use {value} to iterate over more than one variable")
            return ((index, index) for index in range(value))
        if value is None:
            return ()
        raise self._failure(f"range can't iterate over {format_value(value)}")

    def _bind(self, pipe: nodes.PipeNode, mark: int, index: Value, element: Value) -> None:
        """Give the variables of a range their values: with two, the first is the index."""
        names = [variable.names[0] for variable in pipe.declared]
        values = [index, element] if len(names) > 1 else [element]
        for place, (name, value) in enumerate(zip(names, values, strict=False)):
            if pipe.assigns:
                self._assign(name, value)
            else:
                self._variables[mark - len(names) + place] = (name, value)

    def _template(self, dot: Value, node: nodes.TemplateNode) -> None:
        self._at = node
        tree = self._trees.get(node.name)
        if tree is None:
            raise self._failure(f"template {go_quote(node.name)} not defined")
        data = self._pipe(dot, node.pipe) if node.pipe is not None else None
        name, variables = self._name, self._variables
        self._name, self._variables = node.name, [("$", data)]
        self._block(data, tree)
        self._name, self._variables = name, variables

    # Variables.

    def _look_up(self, name: str) -> Value:
        for known, value in reversed(self._variables):
            if known == name:
                return value
        raise self._failure(f"undefined variable: {name}")

    def _assign(self, name: str, value: Value) -> None:
        for place in range(len(self._variables) - 1, -1, -1):
            if self._variables[place][0] == name:
                self._variables[place] = (name, value)
                return
        raise self._failure(f"undefined variable: {name}")

    # Pipelines.

    def _pipe(self, dot: Value, pipe: nodes.PipeNode) -> Value:
        self._at = pipe
        self._budget.spend_steps(1)
        value: Value = _MISSING
        for command in pipe.commands:
            value = self._command(dot, command, value)
            if type(value) is Boxed:
                value = value.value
        for variable in pipe.declared:
            if pipe.assigns:
                self._assign(variable.names[0], value)
            else:
                self._variables.append((variable.names[0], value))
        return value

    def _command(self, dot: Value, command: nodes.CommandNode, final: Value) -> Value:
        first = command.operands[0]
        if type(first) is nodes.IdentifierNode:
            return self._call(dot, first, command, final)
        takes_none = len(command.operands) > 1 or final is not _MISSING
        evaluate = self._evaluators.get(type(first))
        if evaluate is None:
            self._at = first
            if isinstance(first, nodes.NilNode) and not takes_none:
                raise self._failure("nil is not a command")
        if takes_none:
            return self._with_arguments(dot, first, command, final)
        return self._constant(dot, first) if evaluate is None else evaluate(dot, first)

    def _with_arguments(self, dot: Value, first: nodes.Operand, command: nodes.CommandNode, final: Value) -> None:
        """A field that is given arguments: nothing where it has no owner, else a failure."""
        if isinstance(first, nodes.VariableNode):
            self._at = first
        is_lone = isinstance(first, nodes.VariableNode) and len(first.names) == 1
        if is_lone or not isinstance(first, (nodes.FieldNode, nodes.ChainNode, nodes.VariableNode)):
            raise self._failure(f"can't give argument to non-function {first}")
        name = first.names[-1]
        owner = self._owner(dot, first)
        if owner is None:
            return
        count = len(command.operands) - 1 + (final is not _MISSING)
        if has_method(owner, name):
            raise self._failure(f"wrong number of args for {name}: want 0 got {count}")
        if isinstance(owner, dict):
            raise self._failure(f"{name} is not a method but has arguments")
        self._fields(owner, (name,))
        raise self._failure(f"{name} has arguments but cannot be invoked as function")

    def _owner(self, dot: Value, node: nodes.FieldNode | nodes.ChainNode | nodes.VariableNode) -> Value:
        """What the last field of a chain belongs to."""
        if isinstance(node, nodes.ChainNode):
            self._at = node
            return self._fields(self._operand(dot, node.operand), node.names[:-1])
        self._at = node
        if isinstance(node, nodes.VariableNode):
            return self._fields(self._look_up(node.names[0]), node.names[1:-1])
        return self._fields(dot, node.names[:-1])

    def _constant(self, dot: Value, node: nodes.Operand) -> Value:
        if isinstance(node, nodes.DotNode):
            return dot
        if isinstance(node, nodes.NumberNode) and type(node.value) is int and node.value > _LARGEST_INT:
            raise self._failure(f"{node} overflows int")
        if isinstance(node, (nodes.BoolNode, nodes.NumberNode, nodes.StringNode)):
            return node.value
        return None

    def _operand(self, dot: Value, node: nodes.Operand) -> Value:
        self._at = node
        evaluate = self._evaluators.get(type(node))
        return self._constant(dot, node) if evaluate is None else evaluate(dot, node)

    def _nested_pipe(self, dot: Value, node: nodes.PipeNode) -> Value:
        self._budget.enter()
        value = self._pipe(dot, node)
        self._budget.leave()
        return value

    # Fields.

    def _field(self, dot: Value, node: nodes.FieldNode) -> Value:
        self._at = node
        return self._fields(dot, node.names)

    def _variable(self, dot: Value, node: nodes.VariableNode) -> Value:
        del dot
        self._at = node
        value = self._look_up(node.names[0])
        return value if len(node.names) == 1 else self._fields(value, node.names[1:])

    def _chain(self, dot: Value, node: nodes.ChainNode) -> Value:
        self._at = node
        value = self._operand(dot, node.operand)
        return self._fields(value, node.names)

    def _fields(self, value: Value, names: tuple[str, ...]) -> Value:
        try:
            return chain(value, names, strict=self._strict_chains)
        except FunctionError as error:
            raise self._failure(str(error)) from error

    # Functions.

    def _function_name(self, dot: Value, node: nodes.IdentifierNode) -> Value:
        return self._call(dot, node, node, _MISSING)

    def _call(
        self, dot: Value, name_node: nodes.IdentifierNode, node: nodes.CommandNode | nodes.IdentifierNode, final: Value
    ) -> Value:
        self._at = name_node
        name = name_node.name
        function = self._functions.get(name)
        if function is None:
            raise self._failure(f"{go_quote(name)} is not a defined function")
        operands = node.operands[1:] if isinstance(node, nodes.CommandNode) else ()
        count = len(operands) + (final is not _MISSING)
        if count < function.least or (count > function.least and not function.variadic):
            raise self._failure(
                f"wrong number of args for {name}: want {'at least ' if function.variadic else ''}{function.least} "
                f"got {len(operands) if function.variadic else count}"
            )
        if name in {"and", "or"}:
            return self._decide(dot, operands, final, stops_at=name == "or")
        values = [self._argument(dot, operand, function, place) for place, operand in enumerate(operands)]
        if final is not _MISSING:
            values.append(self._checked(final, function, len(values)))
        if name not in _SEE_BOXES:
            values = [value.value if type(value) is Boxed else value for value in values]
        return self._applied(function, name, node, values)

    def _applied(
        self, function: Function, name: str, node: nodes.CommandNode | nodes.IdentifierNode, values: list[Value]
    ) -> Value:
        try:
            value = function.apply(self._surroundings, values)
        except NotAFunction as error:
            self._at = node
            of_type = type_name(error.value)
            shown = error.value if isinstance(error.value, str) else f"<{of_type} Value>"
            if isinstance(node, nodes.CommandNode) and len(node.operands) > 1:
                shown = str(node.operands[1])
            raise self._failure(f"error calling call: non-function {shown} of type {of_type}") from error
        except FunctionError as error:
            self._at = node
            raise self._failure(f"error calling {name}: {error}") from error
        if type(value) is str:
            self._budget.spend_text(len(value))
        return value

    def _decide(self, dot: Value, operands: tuple[nodes.Operand, ...], final: Value, *, stops_at: bool) -> Value:
        """`and` and `or`: the first operand that decides, else the last; the others are not looked at."""
        value: Value = None
        for operand in operands:
            value = self._operand(dot, operand)
            if is_true(value) is stops_at:
                return value
        return value if final is _MISSING else final

    def _argument(self, dot: Value, operand: nodes.Operand, function: Function, place: int) -> Value:
        if function.texts and function.wants_text(place):
            self._at = operand
            if isinstance(operand, (nodes.BoolNode, nodes.NumberNode)):
                raise self._failure(f"expected string; found {operand}")
            if isinstance(operand, nodes.NilNode):
                raise self._failure("cannot assign nil to string")
        return self._checked(self._operand(dot, operand), function, place)

    def _checked(self, value: Value, function: Function, place: int) -> Value:
        if function.texts and function.wants_text(place) and not isinstance(value, str):
            if value is None:
                raise self._failure("invalid value; expected string")
            if type(value) is not Boxed:
                raise self._failure(f"wrong type for value; expected string; got {type_name(value)}")
            if not isinstance(value.value, str):
                of_type = "interface {}" if value.value is None else type_name(value.value)
                raise self._failure(f"wrong type for value; expected string; got {of_type}")
        return value
