"""Sizes are alarms: passing one needs a line with a reason in exceptions.toml."""

import ast
import tomllib
from pathlib import Path

from tests.architecture.source import ROOT, functions, modules

FILE_LINES, FUNCTION_LINES, PARAMETERS, NESTING = 400, 50, 7, 3
_EXCEPTIONS = tomllib.loads((Path(__file__).parent / "exceptions.toml").read_text())
_BLOCKS = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.Try, ast.Match)


def _excused(kind: str, place: str) -> bool:
    return bool(_EXCEPTIONS.get(kind, {}).get(place, "").strip())


def _depth(node: ast.AST, level: int = 0) -> int:
    deepest = level
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            continue
        # `elif` is an If in the else branch of an If, not one level more to the reader.
        is_elif = isinstance(node, ast.If) and isinstance(child, ast.If) and node.orelse == [child]
        deepest = max(deepest, _depth(child, level + (isinstance(child, _BLOCKS) and not is_elif)))
    return deepest


def test_files() -> None:
    places = {str(m.path.relative_to(ROOT)): m.lines for m in modules()}
    assert {p: n for p, n in places.items() if n > FILE_LINES and not _excused("files", p)} == {}


def test_functions() -> None:
    alarms = {}
    for module in modules():
        for function in functions(module):
            place = f"{module.path.relative_to(ROOT)}:{function.name}"
            lines = (function.end_lineno or 0) - function.lineno + 1
            arguments = function.args
            count = len(arguments.posonlyargs + arguments.args + arguments.kwonlyargs)
            count -= bool(arguments.args and arguments.args[0].arg in {"self", "cls"})
            depth = _depth(function)
            if lines > FUNCTION_LINES or count > PARAMETERS or depth > NESTING:
                alarms[place] = f"{lines} lines, {count} parameters, nesting {depth}"
    assert {place: what for place, what in alarms.items() if not _excused("functions", place)} == {}


def test_exceptions_are_still_needed() -> None:
    files = {str(m.path.relative_to(ROOT)) for m in modules()}
    known = files | {f"{m.path.relative_to(ROOT)}:{f.name}" for m in modules() for f in functions(m)}
    named = {place for places in _EXCEPTIONS.values() for place in places}
    assert named <= known
