"""House rules that a machine can check: names, the environment, broad exceptions, tasks, imports at the top."""

import ast
import inspect

import pytest

from tampu import errors
from tests.architecture.source import ROOT, imports, modules

BANNED_NAMES = {"utils", "util", "common", "helpers", "misc", "base", "manager"}
BROAD_EXCEPTS = {
    "tampu/server/handlers.py",  # the server's error border
    "tampu/cli/main.py",  # the command line's
    "tampu/engine/child.py",  # the child process's last word
    "tampu/scheduler/loading.py",  # background jobs: an unforeseen error must reach who waits
    "tampu/scheduler/stopping.py",
    "tampu/engine/connection.py",  # what the event loop calls: an error there must reach who waits
    "tampu/audience.py",  # events that are made beside their reader: the same
    "tampu/operations/imports.py",  # and what looks for models to import
}


def test_no_module_has_an_empty_name() -> None:
    assert [m.path for m in modules() if m.path.stem in BANNED_NAMES] == []


def test_every_module_says_what_it_owns() -> None:
    assert [m.name for m in modules() if not ast.get_docstring(m.tree)] == []


def test_the_environment_is_read_in_one_place() -> None:
    wrong = []
    for module in modules():
        if module.name == "tampu.config.environment":
            continue
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv", "environb"}:
                wrong.append(f"{module.path}:{node.lineno}")
    assert wrong == []


def test_broad_excepts_stand_at_borders_only() -> None:
    wrong = []
    for module in modules():
        for node in ast.walk(module.tree):
            broad = isinstance(node, ast.ExceptHandler) and (
                node.type is None or getattr(node.type, "id", "") in {"Exception", "BaseException"}
            )
            reraises = broad and any(isinstance(n, ast.Raise) and n.exc is None for n in ast.walk(node))
            if broad and not reraises and str(module.path.relative_to(ROOT)) not in BROAD_EXCEPTS:
                wrong.append(f"{module.path}:{node.lineno}")
    assert wrong == []


def test_no_task_without_a_parent() -> None:
    banned = {"create_task", "ensure_future", "shield", "wait_for", "get_event_loop"}
    wrong = [
        f"{m.path}:{node.lineno}"
        for m in modules()
        for node in ast.walk(m.tree)
        if isinstance(node, ast.Attribute)
        and node.attr in banned
        and isinstance(node.value, ast.Name)
        and node.value.id == "asyncio"
    ]
    assert wrong == []


def test_init_files_hold_no_code() -> None:
    for module in modules():
        if module.path.name != "__init__.py" or module.name == "tampu":
            continue
        kinds = {type(node) for node in module.tree.body}
        assert kinds <= {ast.Expr, ast.ImportFrom}, module.path


def test_our_own_imports_resolve() -> None:
    known = {m.name for m in modules()}
    assert [(m.name, name) for m in modules() for name, _, _ in imports(m) if name not in known] == []


ERROR_CLASSES = [
    value
    for value in vars(errors).values()
    if inspect.isclass(value) and issubclass(value, errors.TampuError) and value is not errors.TampuError
]


@pytest.mark.parametrize("error", ERROR_CLASSES, ids=lambda error: error.__name__)
def test_every_error_says_when_it_is_raised(error: type[errors.TampuError]) -> None:
    assert error.__doc__
    assert 400 <= error.status <= 599
    assert error.__name__ in (errors.__doc__ or ""), "the tree in the module's docstring is whole"
