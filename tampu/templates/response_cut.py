"""A legacy template cut after the place where the answer goes: what the last turn of a prompt is rendered with."""

from dataclasses import replace

from tampu.templates.go import nodes


def cut_after_response(tree: nodes.ListNode) -> nodes.ListNode:
    """The tree up to and with its first `.Response`, in document order; whole where there is none to find.

    Outputs, assignments and bodies are searched, conditions and calls of templates are not. The alternative of a
    branch whose body holds the answer is emptied (Ollama crashes there).
    """
    return _Cut().cut_list(tree)


class _Cut:
    """Walks once; from the first `.Response` on, everything visited is removed."""

    def __init__(self) -> None:
        self._is_done = False

    def cut_list(self, tree: nodes.ListNode) -> nodes.ListNode:
        kept: list[nodes.Node] = []
        for node in tree.nodes:
            if self._is_done:
                break
            shorter = self._node(node)
            if shorter is not None:
                kept.append(shorter)
        return nodes.ListNode(tree.position, tuple(kept))

    def _node(self, node: nodes.Node) -> nodes.Node | None:
        if isinstance(node, nodes.ActionNode):
            pipe = self._pipe(node.pipe)
            return None if pipe is None else nodes.ActionNode(node.position, pipe)
        if isinstance(node, (nodes.IfNode, nodes.RangeNode, nodes.WithNode)):
            body = self.cut_list(node.body)
            return replace(node, body=body, otherwise=self._otherwise(node.otherwise))
        return node

    def _otherwise(self, tree: nodes.ListNode | None) -> nodes.ListNode | None:
        return None if tree is None or self._is_done else self.cut_list(tree)

    def _pipe(self, pipe: nodes.PipeNode) -> nodes.PipeNode | None:
        commands: list[nodes.CommandNode] = []
        for command in pipe.commands:
            operands = [kept for operand in command.operands if (kept := self._operand(operand)) is not None]
            if not operands:
                return None
            commands.append(nodes.CommandNode(command.position, tuple(operands)))
        return replace(pipe, commands=tuple(commands))

    def _operand(self, operand: nodes.Operand) -> nodes.Operand | None:
        if isinstance(operand, nodes.FieldNode) and "Response" in operand.names:
            self._is_done = True
            return operand
        if self._is_done:
            return None
        return self._pipe(operand) if isinstance(operand, nodes.PipeNode) else operand
