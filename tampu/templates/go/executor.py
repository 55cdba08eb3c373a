"""Walks the tree of a template over its data, and writes its text. What pipelines give is the evaluator's to say."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from enum import Enum, auto
from typing import Any, Final

from tampu.templates.go import nodes
from tampu.templates.go.budget import Budget
from tampu.templates.go.evaluator import Evaluator
from tampu.templates.go.functions import FUNCTIONS, Function
from tampu.templates.go.json_text import sorted_names
from tampu.templates.go.printing import format_value, print_value
from tampu.templates.go.quoting import go_quote
from tampu.templates.go.values import Boxed, Byte, JsonMap, Value, is_true, type_name, without_cut_characters

_ANY_LIST: Final = "[]interface {}"


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
        self._trees, self._budget = trees, budget
        self._evaluator = Evaluator(
            source, budget=budget, today=today, functions=functions, strict_chains=strict_chains
        )
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

    def run(self, name: str, data: Value) -> str:
        """The text of the named template over the data; raises TemplateFailed."""
        self._evaluator.variables = [("$", data)]
        self._list(data, self._trees[name])
        return without_cut_characters("".join(self._parts))

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
        self._evaluator.at = node
        value = self._evaluator.pipe(dot, node.pipe)
        if not node.pipe.declared:
            self._write(value if type(value) is str else print_value(value))

    def _block(self, dot: Value, tree: nodes.ListNode) -> _Leave | None:
        self._budget.enter()
        leave = self._list(dot, tree)
        self._budget.leave()
        return leave

    def _if(self, dot: Value, node: nodes.IfNode) -> _Leave | None:
        mark = len(self._evaluator.variables)
        leave = None
        if is_true(self._evaluator.pipe(dot, node.pipe)):
            leave = self._block(dot, node.body)
        elif node.otherwise is not None:
            leave = self._block(dot, node.otherwise)
        del self._evaluator.variables[mark:]
        return leave

    def _with(self, dot: Value, node: nodes.WithNode) -> _Leave | None:
        mark = len(self._evaluator.variables)
        value, leave = self._evaluator.pipe(dot, node.pipe), None
        if is_true(value):
            leave = self._block(value, node.body)
        elif node.otherwise is not None:
            leave = self._block(dot, node.otherwise)
        del self._evaluator.variables[mark:]
        return leave

    def _range(self, dot: Value, node: nodes.RangeNode) -> _Leave | None:
        outer = len(self._evaluator.variables)
        value = self._evaluator.pipe(dot, node.pipe)
        mark = len(self._evaluator.variables)
        leave, is_empty = None, True
        for index, element in self._elements(value, node):
            is_empty = False
            self._bind(node.pipe, mark, index, element)
            if self._block(element, node.body) is _Leave.BREAK:
                break
            del self._evaluator.variables[mark:]
        if is_empty and node.otherwise is not None:
            leave = self._block(dot, node.otherwise)
        del self._evaluator.variables[outer:]
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
                raise self._evaluator.failure(f"can't use {value} to iterate over more than one variable")
            return ((index, index) for index in range(value))
        if value is None:
            return ()
        raise self._evaluator.failure(f"range can't iterate over {format_value(value)}")

    def _bind(self, pipe: nodes.PipeNode, mark: int, index: Value, element: Value) -> None:
        """Give the variables of a range their values: with two, the first is the index."""
        names = [variable.names[0] for variable in pipe.declared]
        values = [index, element] if len(names) > 1 else [element]
        for place, (name, value) in enumerate(zip(names, values, strict=False)):
            if pipe.assigns:
                self._evaluator.assign(name, value)
            else:
                self._evaluator.variables[mark - len(names) + place] = (name, value)

    def _template(self, dot: Value, node: nodes.TemplateNode) -> None:
        self._evaluator.at = node
        tree = self._trees.get(node.name)
        if tree is None:
            raise self._evaluator.failure(f"template {go_quote(node.name)} not defined")
        data = self._evaluator.pipe(dot, node.pipe) if node.pipe is not None else None
        name, variables = self._evaluator.name, self._evaluator.variables
        self._evaluator.name, self._evaluator.variables = node.name, [("$", data)]
        self._block(data, tree)
        self._evaluator.name, self._evaluator.variables = name, variables
