"""Builds the tree of a template from its tokens, with the complaints of Go's parser."""

from collections.abc import Callable, Collection
from typing import Final

from tampu.errors import InvalidTemplate
from tampu.templates.go import nodes
from tampu.templates.go.lexer import Kind, Token
from tampu.templates.go.numbers import read_number
from tampu.templates.go.quoting import go_character, go_quote, go_unquote
from tampu.templates.go.token_reader import TokenReader

MAX_TEMPLATE: Final = 4_000_000
MAX_NESTING: Final = 60
"""Blocks and parentheses inside one another; each level costs a few Python frames."""
_BLOCK: Final = "block clause"
_BRANCHES: Final[dict[str, Callable[..., nodes.BranchNode]]] = {
    "if": nodes.IfNode,
    "range": nodes.RangeNode,
    "with": nodes.WithNode,
}
_ENDS: Final = (nodes.EndNode, nodes.ElseNode)
_ListItem = nodes.Node | nodes.EndNode | nodes.ElseNode


def parse(text: str, functions: Collection[str]) -> dict[str, nodes.ListNode]:
    """The trees by name, the main one under ""; raises InvalidTemplate with Go's text."""
    if len(text) > MAX_TEMPLATE:
        raise InvalidTemplate(f"template has {len(text)} characters, more than the {MAX_TEMPLATE} that are read")
    return _Parser(text, functions).parse()


class _Parser:
    def __init__(self, text: str, functions: Collection[str]) -> None:
        self._tokens = TokenReader(text)
        self._functions = functions
        self._depth = 0
        self._ranges = 0
        self._variables = ["$"]
        self._trees: dict[str, nodes.ListNode] = {}
        self._keywords: dict[str, Callable[[Token], _ListItem]] = {
            "block": self._block,
            "break": self._leave_range,
            "continue": self._leave_range,
            "else": self._else,
            "end": self._end,
            "template": self._template_call,
        }
        self._terms: dict[Kind, Callable[[Token], nodes.Operand]] = {
            Kind.BOOL: lambda token: nodes.BoolNode(token.position, token.text == "true"),
            Kind.CHARACTER: self._character,
            Kind.COMPLEX: self._number,
            Kind.DOT: lambda token: nodes.DotNode(token.position),
            Kind.FIELD: lambda token: nodes.FieldNode(token.position, (token.text[1:],)),
            Kind.IDENTIFIER: self._function,
            Kind.NIL: lambda token: nodes.NilNode(token.position),
            Kind.NUMBER: self._number,
            Kind.OPEN: self._parenthesised,
            Kind.RAW_STRING: self._string,
            Kind.STRING: self._string,
            Kind.VARIABLE: self._variable,
        }

    def parse(self) -> dict[str, nodes.ListNode]:
        found: list[nodes.Node] = []
        while self._tokens.peek().kind is not Kind.END:
            if self._is_definition():
                self._definition()
                continue
            node = self._text_or_action()
            if isinstance(node, _ENDS):
                raise self._tokens.failure(f"unexpected {node}")
            found.append(node)
        self._add("", nodes.ListNode(0, tuple(found)))
        return self._trees

    def _enter(self) -> None:
        self._depth += 1
        if self._depth > MAX_NESTING:
            raise self._tokens.failure(f"more than {MAX_NESTING} blocks or parentheses inside one another")

    # Lists of nodes and definitions.

    def _is_definition(self) -> bool:
        start = self._tokens.place
        if self._tokens.take().kind is Kind.LEFT:
            token = self._tokens.take_solid()
            if token.kind is Kind.KEYWORD and token.text == "define":
                return True
        self._tokens.go_back(start)
        return False

    def _definition(self) -> None:
        name = self._name("define clause")
        self._tokens.expect(Kind.RIGHT, "define clause")
        self._separate_tree(name, "define clause")

    def _separate_tree(self, name: str, context: str) -> None:
        """Read up to `end` what belongs to a template of its own: outer variables and ranges do not reach into it."""
        variables, ranges, action_line = self._variables, self._ranges, self._tokens.action_line
        self._variables, self._ranges, self._tokens.action_line = ["$"], 0, 0
        seen = self._tokens.furthest
        body, end = self._items()
        if isinstance(end, nodes.ElseNode):
            if context == _BLOCK:
                self._tokens.furthest = seen  # Go's parser of the outer template complains, which has not read further
            raise self._tokens.failure(f"unexpected {end} in {context}")
        self._add(name, body)
        self._variables, self._ranges, self._tokens.action_line = variables, ranges, action_line

    def _add(self, name: str, tree: nodes.ListNode) -> None:
        known = self._trees.get(name)
        if known is None or _is_blank(known):
            self._trees[name] = tree
        elif not _is_blank(tree):
            raise self._tokens.failure(f"template: multiple definition of template {go_quote(name)}")

    def _items(self) -> tuple[nodes.ListNode, nodes.EndNode | nodes.ElseNode]:
        position = self._tokens.peek_solid().position
        found: list[nodes.Node] = []
        while self._tokens.peek_solid().kind is not Kind.END:
            node = self._text_or_action()
            if isinstance(node, _ENDS):
                return nodes.ListNode(position, tuple(found)), node
            found.append(node)
        raise self._tokens.failure("unexpected EOF")

    def _text_or_action(self) -> _ListItem:
        token = self._tokens.take_solid()
        if token.kind is Kind.TEXT:
            return nodes.TextNode(token.position, token.text)
        if token.kind is not Kind.LEFT:
            self._tokens.unexpected(token, "input")
        self._tokens.action_line = token.line
        node = self._action()
        self._tokens.action_line = 0
        return node

    def _action(self) -> _ListItem:
        token = self._tokens.peek_solid()
        if token.kind is not Kind.KEYWORD or token.text == "define":
            return nodes.ActionNode(token.position, self._pipeline("command", Kind.RIGHT))
        self._tokens.take()
        if token.text in _BRANCHES:
            return self._branch(token.text)
        return self._keywords[token.text](token)

    def _end(self, token: Token) -> nodes.EndNode:
        self._tokens.expect(Kind.RIGHT, "end")
        return nodes.EndNode(token.position)

    def _leave_range(self, token: Token) -> nodes.BreakNode | nodes.ContinueNode:
        self._tokens.expect(Kind.RIGHT, f"{{{{{token.text}}}}}")
        if not self._ranges:
            raise self._tokens.failure(f"{{{{{token.text}}}}} outside {{{{range}}}}")
        return nodes.BreakNode(token.position) if token.text == "break" else nodes.ContinueNode(token.position)

    def _else(self, token: Token) -> nodes.ElseNode:
        following = self._tokens.peek_solid()
        if following.kind is not Kind.KEYWORD or following.text not in {"if", "with"}:
            self._tokens.expect(Kind.RIGHT, "else")
        return nodes.ElseNode(token.position)  # `else if`: the word is left for the branch to see

    def _branch(self, keyword: str) -> nodes.BranchNode:
        self._enter()
        outer = len(self._variables)
        pipe = self._pipeline(keyword, Kind.RIGHT)
        self._ranges += keyword == "range"
        body, end = self._items()
        self._ranges -= keyword == "range"
        otherwise = self._otherwise(keyword, end) if isinstance(end, nodes.ElseNode) else None
        del self._variables[outer:]
        self._depth -= 1
        return _BRANCHES[keyword](pipe.position, pipe, body, otherwise)

    def _otherwise(self, keyword: str, start: nodes.ElseNode) -> nodes.ListNode:
        following = self._tokens.peek()
        if following.kind is Kind.KEYWORD and following.text == keyword and keyword != "range":
            self._tokens.take()  # `else if`: one `end` closes both
            return nodes.ListNode(start.position, (self._branch(keyword),))
        otherwise, end = self._items()
        if isinstance(end, nodes.ElseNode):
            raise self._tokens.failure(f"expected end; found {end}")
        return otherwise

    def _template_call(self, token: Token) -> nodes.TemplateNode:
        position = self._tokens.peek_solid().position
        name = self._name(f"{token.text} clause")
        if self._tokens.peek_solid().kind is Kind.RIGHT:
            self._tokens.take()
            return nodes.TemplateNode(position, name, None)
        return nodes.TemplateNode(position, name, self._pipeline("template clause", Kind.RIGHT))

    def _block(self, token: Token) -> nodes.TemplateNode:
        self._enter()
        position = self._tokens.peek_solid().position
        name = self._name(f"{token.text} clause")
        pipe = self._pipeline(_BLOCK, Kind.RIGHT)
        self._separate_tree(name, _BLOCK)
        self._depth -= 1
        return nodes.TemplateNode(position, name, pipe)

    def _name(self, context: str) -> str:
        token = self._tokens.take_solid()
        if token.kind not in {Kind.STRING, Kind.RAW_STRING}:
            self._tokens.unexpected(token, context)
        return self._unquoted(token)

    def _unquoted(self, token: Token) -> str:
        try:
            return go_unquote(token.text)
        except ValueError as error:
            raise self._tokens.failure(str(error)) from None

    # Pipelines.

    def _pipeline(self, context: str, end: Kind) -> nodes.PipeNode:
        position = self._tokens.peek_solid().position
        declared, assigns = self._declarations(context)
        commands: list[nodes.CommandNode] = []
        while (token := self._tokens.peek_solid()).kind is not end:
            if token.kind not in self._terms:
                self._tokens.take()
                self._tokens.unexpected(token, context)
            commands.append(self._command())
        self._tokens.take()
        self._check_pipeline(commands, context)
        return nodes.PipeNode(position, declared, assigns, tuple(commands))

    def _check_pipeline(self, commands: list[nodes.CommandNode], context: str) -> None:
        if not commands:
            raise self._tokens.failure(f"missing value for {context}")
        for stage, command in enumerate(commands[1:], 2):
            if isinstance(command.operands[0], nodes.CONSTANTS):
                raise self._tokens.failure(f"non executable command in pipeline stage {stage}")

    def _declarations(self, context: str) -> tuple[tuple[nodes.VariableNode, ...], bool]:
        """Variables in front of `:=` or `=`; two of them in a range only."""
        declared: list[nodes.VariableNode] = []
        while self._tokens.peek_solid().kind is Kind.VARIABLE:
            start = self._tokens.place
            variable, sign = self._tokens.take(), self._tokens.peek_solid()
            is_comma = sign.kind is Kind.SIGN and sign.text == ","
            if not is_comma and sign.kind not in {Kind.ASSIGN, Kind.DECLARE}:
                self._tokens.go_back(start)
                break
            self._tokens.take()
            declared.append(nodes.VariableNode(variable.position, (variable.text,)))
            self._variables.append(variable.text)
            if not is_comma:
                return tuple(declared), sign.kind is Kind.ASSIGN
            self._check_comma(context, len(declared))
        return tuple(declared), False

    def _check_comma(self, context: str, count: int) -> None:
        if context != "range" or count > 1:
            raise self._tokens.failure(f"too many declarations in {context}")
        if self._tokens.peek_solid().kind not in {Kind.VARIABLE, Kind.RIGHT, Kind.CLOSE}:
            raise self._tokens.failure("range can only initialize variables")

    def _command(self) -> nodes.CommandNode:
        position = self._tokens.peek_solid().position
        operands: list[nodes.Operand] = []
        while True:
            self._tokens.skip_space()
            operand = self._operand()
            if operand is not None:
                operands.append(operand)
            token = self._tokens.peek()
            if token.kind not in {Kind.RIGHT, Kind.CLOSE}:
                self._tokens.take()
            if token.kind is Kind.SPACE:
                continue
            if token.kind not in {Kind.RIGHT, Kind.CLOSE, Kind.PIPE}:
                self._tokens.unexpected(token, "operand")
            break
        if not operands:
            raise self._tokens.failure("empty command")
        return nodes.CommandNode(position, tuple(operands))

    def _operand(self) -> nodes.Operand | None:
        node = self._term()
        if node is None or self._tokens.peek().kind is not Kind.FIELD:
            return node
        position = self._tokens.peek().position
        names: list[str] = []
        while self._tokens.peek().kind is Kind.FIELD:
            names.append(self._tokens.take().text[1:])
        if isinstance(node, nodes.FieldNode):
            return nodes.FieldNode(position, (*node.names, *names))
        if isinstance(node, nodes.VariableNode):
            return nodes.VariableNode(position, (*node.names, *names))
        if isinstance(node, nodes.CONSTANTS):
            raise self._tokens.failure(f"unexpected . after term {go_quote(str(node))}")
        return nodes.ChainNode(position, node, tuple(names))

    def _term(self) -> nodes.Operand | None:
        token = self._tokens.peek_solid()
        if token.kind not in self._terms:
            return None
        return self._terms[self._tokens.take().kind](token)

    def _parenthesised(self, token: Token) -> nodes.PipeNode:
        del token
        self._enter()
        pipe = self._pipeline("parenthesized pipeline", Kind.CLOSE)
        self._depth -= 1
        return pipe

    def _string(self, token: Token) -> nodes.StringNode:
        return nodes.StringNode(token.position, token.text, self._unquoted(token))

    def _function(self, token: Token) -> nodes.IdentifierNode:
        if token.text not in self._functions:
            raise self._tokens.failure(f"function {go_quote(token.text)} not defined")
        return nodes.IdentifierNode(token.position, token.text)

    def _variable(self, token: Token) -> nodes.VariableNode:
        if token.text not in self._variables:
            raise self._tokens.failure(f"undefined variable {go_quote(token.text)}")
        return nodes.VariableNode(token.position, (token.text,))

    def _number(self, token: Token) -> nodes.NumberNode:
        try:
            return nodes.NumberNode(token.position, token.text, read_number(token.text))
        except ValueError as error:
            raise self._tokens.failure(str(error)) from None

    def _character(self, token: Token) -> nodes.NumberNode:
        try:
            return nodes.NumberNode(token.position, token.text, go_character(token.text))
        except ValueError as error:
            raise self._tokens.failure(str(error)) from None


def _is_blank(tree: nodes.ListNode) -> bool:
    return all(isinstance(node, nodes.TextNode) and not node.text.strip() for node in tree.nodes)
