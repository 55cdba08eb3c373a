"""What users can meet is documented: each setting, error, route and command."""

import inspect
import re

import pytest

from tampu import errors
from tampu.config import SETTINGS
from tests.architecture.source import ROOT

DOCS = ROOT / "docs"


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.variable)
def test_settings(setting: object) -> None:
    text = (DOCS / "settings.md").read_text()
    assert f"| `{setting.variable}` |" in text  # type: ignore[attr-defined]
    assert f" {setting.meaning} |" in text, "the meaning is the one in the table of config"  # type: ignore[attr-defined]


def test_errors() -> None:
    text = (DOCS / "errors.md").read_text()
    names = {n for n, c in vars(errors).items() if inspect.isclass(c) and issubclass(c, errors.TampuError)}
    assert {name for name in names - {"TampuError"} if f"`{name}`" not in text} == set()


def test_routes() -> None:
    from tampu.server.registry_routes import REGISTRY_ROUTES
    from tampu.server.routes import ROUTES

    documented = {
        (method, path)
        for methods, path in re.findall(
            r"^\| ((?:`[A-Z]+`(?:, )?)+) `(/[^`]*)` \|", (DOCS / "api.md").read_text(), re.MULTILINE
        )
        for method in re.findall(r"[A-Z]+", methods)
    }
    assert {(route.method, route.path) for route in (*ROUTES, *REGISTRY_ROUTES)} == documented


def test_commands() -> None:
    from tampu.cli.catalog import COMMANDS

    text = (DOCS / "cli.md").read_text()
    assert {name for name in COMMANDS if f"`{name}" not in text} == set()


def test_dependencies() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    text = (DOCS / "dependencies.md").read_text()
    names = {re.split(r"[>=<;\s]", line)[0] for line in project["dependencies"]}
    assert {name for name in names if f"| `{name}` |" not in text} == set()
