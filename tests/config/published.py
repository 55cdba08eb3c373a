"""What is published of the settings: the table in docs/settings.md and docs/config.schema.json.

`python -m tests.config.published` writes both anew.
"""

import json
import re

from tampu.config import SETTINGS
from tampu.config.models import MODEL_KEYS
from tampu.config.schema import file_schema
from tampu.config.shown import shown
from tampu.config.table import PORT_KEY, PORT_MEANING, Counts
from tests.architecture.source import ROOT

SETTINGS_PAGE = ROOT / "docs" / "settings.md"
SCHEMA_FILE = ROOT / "docs" / "config.schema.json"
SETTINGS_HEAD = "| variable | key of the file | default | a change counts | meaning |\n|---|---|---|---|---|\n"
MODELS_HEAD = "| key of a model | allowed | meaning |\n|---|---|---|\n"
_DEFAULTS = {"models_folder": "~/.ollama/models", "docker_folder": "~/.docker", "address": "127.0.0.1:11434"}


def settings_table() -> str:
    rows = []
    for setting in SETTINGS:
        default = _DEFAULTS.get(setting.name) or shown(setting, setting.default) or "none"
        key = f"`{setting.key}`" if setting.key else "-"
        rows.append(f"| `{setting.variable}` | {key} | {default} | {setting.counts.value} | {setting.meaning} |\n")
    rows.insert(1, f"| - | `{PORT_KEY}` | 11434 | {Counts.RESTART.value} | {PORT_MEANING} |\n")
    return SETTINGS_HEAD + "".join(rows)


def models_table() -> str:
    return MODELS_HEAD + "".join(f"| `{row.key}` | {row.kind.allowed} | {row.meaning} |\n" for row in MODEL_KEYS)


def schema_text() -> str:
    return json.dumps(file_schema(), indent=2, ensure_ascii=False) + "\n"


def with_tables(page: str) -> str:
    """The page with its two tables as they are now."""
    for table in (settings_table(), models_table()):
        head = table.splitlines(keepends=True)[0]
        assert page.count(head) == 1
        page = re.sub(re.escape(head) + r"(?:\|.*\n)+", lambda _, table=table: table, page)
    return page


if __name__ == "__main__":
    SETTINGS_PAGE.write_text(with_tables(SETTINGS_PAGE.read_text()))
    SCHEMA_FILE.write_text(schema_text())
