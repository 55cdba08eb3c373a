"""What a pipeline of a template gives. Values are looked up in dicts and records, never as Python attributes."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, Final

from tampu.errors import TemplateFailed
from tampu.templates.go import nodes
from tampu.templates.go.budget import Budget
from tampu.templates.go.failures import FunctionError, NotAFunction
from tampu.templates.go.fields import chain, has_method
from tampu.templates.go.functions import Function, Surroundings
from tampu.templates.go.quoting import go_quote
from tampu.templates.go.values import Boxed, Value, is_true, type_name

_SEE_BOXES: Final = frozenset({"len", "slice"})
"""Functions that look at what a value is declared as."""
_LARGEST_INT: Final = 2**63 - 1
_MISSING: Final = object()
"""No value comes from the command before, which is not the same as nil coming from it."""


class Evaluator:
    """Evaluates the pipelines of one execution.

    `variables`: those of the template that runs, the innermost last; a Boxed stays one in the variable of a range.
    `name` and `at`: that template, and the node that errors name, as Go's executor keeps it.
    """

    def __init__(
        self,
        source: str,
        *,
        budget: Budget,
        today: date,
        functions: Mapping[str, Function],
        strict_chains: bool,
    ) -> None:
        self._source, self._functions = source, functions
        self._budget, self._strict_chains = budget, strict_chains
        self._surroundings = Surroundings(budget, today)
        self.name = ""
        self.at: Any = None
        self.variables: list[tuple[str, Value]] = []
        self._evaluators: dict[type, Callable[[Value, Any], Value]] = {
            nodes.FieldNode: self._field,
            nodes.VariableNode: self._variable,
            nodes.ChainNode: self._chain,
            nodes.PipeNode: self._nested_pipe,
            nodes.IdentifierNode: self._function_name,
        }

    def failure(self, message: str) -> TemplateFailed:
        """The error, with its place."""
        position = self.at.position
        before = self._source[:position]
        line = before.count("\n") + 1
        column = len(before[before.rfind("\n") + 1 :].encode())
        where = f"template: :{line}:{column}: executing {go_quote(self.name)} at <{self.at}>"
        return TemplateFailed(f"{where}: {message}")

    # Variables.

    def _look_up(self, name: str) -> Value:
        for known, value in reversed(self.variables):
            if known == name:
                return value
        raise self.failure(f"undefined variable: {name}")

    def assign(self, name: str, value: Value) -> None:
        """Give the innermost variable of that name another value; raises TemplateFailed."""
        for place in range(len(self.variables) - 1, -1, -1):
            if self.variables[place][0] == name:
                self.variables[place] = (name, value)
                return
        raise self.failure(f"undefined variable: {name}")

    # Pipelines.

    def pipe(self, dot: Value, pipe: nodes.PipeNode) -> Value:
        """The value of a pipeline, which its variables take; raises TemplateFailed."""
        self.at = pipe
        self._budget.spend_steps(1)
        value: Value = _MISSING
        for command in pipe.commands:
            value = self._command(dot, command, value)
            if type(value) is Boxed:
                value = value.value
        for variable in pipe.declared:
            if pipe.assigns:
                self.assign(variable.names[0], value)
            else:
                self.variables.append((variable.names[0], value))
        return value

    def _command(self, dot: Value, command: nodes.CommandNode, final: Value) -> Value:
        first = command.operands[0]
        if type(first) is nodes.IdentifierNode:
            return self._call(dot, first, command, final)
        takes_none = len(command.operands) > 1 or final is not _MISSING
        evaluate = self._evaluators.get(type(first))
        if evaluate is None:
            self.at = first
            if isinstance(first, nodes.NilNode) and not takes_none:
                raise self.failure("nil is not a command")
        if takes_none:
            return self._with_arguments(dot, first, command, final)
        return self._constant(dot, first) if evaluate is None else evaluate(dot, first)

    def _with_arguments(self, dot: Value, first: nodes.Operand, command: nodes.CommandNode, final: Value) -> None:
        """A field that is given arguments: nothing where it has no owner, else a failure."""
        if isinstance(first, nodes.VariableNode):
            self.at = first
        is_lone = isinstance(first, nodes.VariableNode) and len(first.names) == 1
        if is_lone or not isinstance(first, (nodes.FieldNode, nodes.ChainNode, nodes.VariableNode)):
            raise self.failure(f"can't give argument to non-function {first}")
        name = first.names[-1]
        owner = self._owner(dot, first)
        if owner is None:
            return
        count = len(command.operands) - 1 + (final is not _MISSING)
        if has_method(owner, name):
            raise self.failure(f"wrong number of args for {name}: want 0 got {count}")
        if isinstance(owner, dict):
            raise self.failure(f"{name} is not a method but has arguments")
        self._fields(owner, (name,))
        raise self.failure(f"{name} has arguments but cannot be invoked as function")

    def _owner(self, dot: Value, node: nodes.FieldNode | nodes.ChainNode | nodes.VariableNode) -> Value:
        """What the last field of a chain belongs to."""
        if isinstance(node, nodes.ChainNode):
            self.at = node
            return self._fields(self._operand(dot, node.operand), node.names[:-1])
        self.at = node
        if isinstance(node, nodes.VariableNode):
            return self._fields(self._look_up(node.names[0]), node.names[1:-1])
        return self._fields(dot, node.names[:-1])

    def _constant(self, dot: Value, node: nodes.Operand) -> Value:
        if isinstance(node, nodes.DotNode):
            return dot
        if isinstance(node, nodes.NumberNode) and type(node.value) is int and node.value > _LARGEST_INT:
            raise self.failure(f"{node} overflows int")
        if isinstance(node, (nodes.BoolNode, nodes.NumberNode, nodes.StringNode)):
            return node.value
        return None

    def _operand(self, dot: Value, node: nodes.Operand) -> Value:
        self.at = node
        evaluate = self._evaluators.get(type(node))
        return self._constant(dot, node) if evaluate is None else evaluate(dot, node)

    def _nested_pipe(self, dot: Value, node: nodes.PipeNode) -> Value:
        self._budget.enter()
        value = self.pipe(dot, node)
        self._budget.leave()
        return value

    # Fields.

    def _field(self, dot: Value, node: nodes.FieldNode) -> Value:
        self.at = node
        return self._fields(dot, node.names)

    def _variable(self, dot: Value, node: nodes.VariableNode) -> Value:
        del dot
        self.at = node
        value = self._look_up(node.names[0])
        return value if len(node.names) == 1 else self._fields(value, node.names[1:])

    def _chain(self, dot: Value, node: nodes.ChainNode) -> Value:
        self.at = node
        value = self._operand(dot, node.operand)
        return self._fields(value, node.names)

    def _fields(self, value: Value, names: tuple[str, ...]) -> Value:
        try:
            return chain(value, names, strict=self._strict_chains)
        except FunctionError as error:
            raise self.failure(str(error)) from error

    # Functions.

    def _function_name(self, dot: Value, node: nodes.IdentifierNode) -> Value:
        return self._call(dot, node, node, _MISSING)

    def _call(
        self, dot: Value, name_node: nodes.IdentifierNode, node: nodes.CommandNode | nodes.IdentifierNode, final: Value
    ) -> Value:
        self.at = name_node
        name = name_node.name
        function = self._functions.get(name)
        if function is None:
            raise self.failure(f"{go_quote(name)} is not a defined function")
        operands = node.operands[1:] if isinstance(node, nodes.CommandNode) else ()
        count = len(operands) + (final is not _MISSING)
        if count < function.least or (count > function.least and not function.variadic):
            raise self.failure(
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
            self.at = node
            of_type = type_name(error.value)
            shown = error.value if isinstance(error.value, str) else f"<{of_type} Value>"
            if isinstance(node, nodes.CommandNode) and len(node.operands) > 1:
                shown = str(node.operands[1])
            raise self.failure(f"error calling call: non-function {shown} of type {of_type}") from error
        except FunctionError as error:
            self.at = node
            raise self.failure(f"error calling {name}: {error}") from error
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
            self.at = operand
            if isinstance(operand, (nodes.BoolNode, nodes.NumberNode)):
                raise self.failure(f"expected string; found {operand}")
            if isinstance(operand, nodes.NilNode):
                raise self.failure("cannot assign nil to string")
        return self._checked(self._operand(dot, operand), function, place)

    def _checked(self, value: Value, function: Function, place: int) -> Value:
        if function.texts and function.wants_text(place) and not isinstance(value, str):
            if value is None:
                raise self.failure("invalid value; expected string")
            if type(value) is not Boxed:
                raise self.failure(f"wrong type for value; expected string; got {type_name(value)}")
            if not isinstance(value.value, str):
                of_type = "interface {}" if value.value is None else type_name(value.value)
                raise self.failure(f"wrong type for value; expected string; got {of_type}")
        return value
