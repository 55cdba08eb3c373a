"""What is imported late is there, and what a server starts with is little."""

import ast
import subprocess
import sys
from importlib import import_module

import pytest

from tampu.deferred import Deferred
from tampu.gguf.translate.families import FAMILIES
from tampu.parsing.formats.registry import PARSERS
from tampu.templates.renderers.registry import RENDERERS
from tests.architecture.source import deferred_name, modules

NAMED = sorted({found[:2] for m in modules() for node in ast.walk(m.tree) if (found := deferred_name(node))})
IN_TABLES = [
    *(each.parser for each in PARSERS.values()),
    *(each.render for each in RENDERERS.values()),
    *(step for group in FAMILIES.values() for each in group for step in (each.is_published, each.text, each.projector)),
]
HEAVY = ("aiohttp", "cryptography", "tampu.registry.client", "tampu.operations.create", "tampu.gguf.translate.gemma3n")


@pytest.mark.parametrize(("module", "name"), NAMED)
def test_what_is_named_is_there(module: str, name: str) -> None:
    assert callable(getattr(import_module(module), name))


def test_what_tables_name_is_there() -> None:
    named = {(each.module, each.name) for each in IN_TABLES if isinstance(each, Deferred)}
    assert len(named) > 50
    assert [each for each in sorted(named) if not callable(getattr(import_module(each[0]), each[1], None))] == []


def test_a_server_starts_without_what_a_first_answer_does_not_need() -> None:
    program = f"import sys, tampu.server.run; print([name for name in {HEAVY!r} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
