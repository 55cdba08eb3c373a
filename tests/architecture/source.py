"""The source as the architecture tests see it: modules, their imports and their definitions."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "tampu"
DEFERS = {"Deferred", "load", "loaded", "later", "events_later"}


@dataclass(frozen=True)
class Module:
    """One source file. `name` is dotted; a package's `__init__` has the package's name."""

    name: str
    path: Path
    tree: ast.Module
    lines: int

    @property
    def room(self) -> str:
        """The folder below tampu/ that the module lives in; "" for a module that stands free."""
        parts = self.path.relative_to(PACKAGE).parts
        return parts[0] if len(parts) > 1 else ""


@cache
def modules() -> tuple[Module, ...]:
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        text = path.read_text()
        dotted = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        found.append(Module(dotted, path, ast.parse(text), text.count("\n")))
    return tuple(found)


def imports(module: Module) -> Iterator[tuple[str, int, bool]]:
    """Each imported module of ours, late ones too: its dotted name, the line, and whether it stands at the top."""
    known = {m.name for m in modules()}
    top = set(module.tree.body)
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif (deferred := deferred_name(node)) is not None:
            yield deferred[0], deferred[2], True
            continue
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module.path}:{node.lineno}: imports are absolute"
            base = node.module or ""
            names = [f"{base}.{a.name}" if f"{base}.{a.name}" in known else base for a in node.names]
        else:
            continue
        for name in names:
            if name.split(".")[0] == "tampu":
                yield name, node.lineno, node in top


def deferred_name(node: ast.AST) -> tuple[str, str, int] | None:
    """The module, the attribute and the line of what `tampu.deferred` is to import, where `node` names it in full."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or node.func.id not in DEFERS:
        return None
    values = [value.value for value in node.args if isinstance(value, ast.Constant)]
    return (values[0], values[1], node.lineno) if len(values) == 2 else None


def functions(module: Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node
