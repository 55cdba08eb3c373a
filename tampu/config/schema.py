"""The settings file as a JSON schema, for editors: made of the same tables that read it."""

from collections.abc import Mapping
from typing import Any, Final

from tampu.config.file import KINDS
from tampu.config.models import MODEL_KEYS, MODELS_KEY
from tampu.config.shown import as_json
from tampu.config.table import PORT_KEY, PORT_MEANING, SECTIONS, SETTINGS

DIALECT: Final = "http://json-schema.org/draft-07/schema#"
"""The one that editors know best."""


def file_schema() -> Mapping[str, Any]:
    """What a settings file may hold."""
    sections = {
        name: {"type": ["object", "null"], "description": meaning, "additionalProperties": False, "properties": {}}
        for name, meaning in SECTIONS.items()
    }
    for key, described in _described().items():
        section, _, name = key.partition(".")
        properties: Any = sections[section]["properties"]
        properties[name] = described
    return {
        "$schema": DIALECT,
        "title": "Settings of Tampu (~/.ollama/config.yml)",
        "type": ["object", "null"],
        "additionalProperties": False,
        "properties": {MODELS_KEY: _models(), **sections},
    }


def _described() -> Mapping[str, Any]:
    found: dict[str, Any] = {}
    for setting in SETTINGS:
        if setting.key:
            default = {} if setting.default in (None, "", (), {}) else {"default": as_json(setting, setting.default)}
            meaning = f"{setting.meaning} ({setting.variable}). A change counts {setting.counts.value}."
            found[setting.key] = {**_nullable(KINDS[setting.key].schema), "description": meaning, **default}
    found[PORT_KEY] = {**_nullable(KINDS[PORT_KEY].schema), "description": PORT_MEANING}
    return found


def _models() -> Mapping[str, Any]:
    properties = {row.key: {**_nullable(row.kind.schema), "description": row.meaning} for row in MODEL_KEYS}
    properties["name"] = {"type": "string", "description": properties["name"]["description"]}
    entry = {"type": "object", "additionalProperties": False, "required": ["name"], "properties": properties}
    return {"type": ["array", "null"], "description": "Settings of single models", "items": entry}


def _nullable(schema: Mapping[str, object]) -> Mapping[str, object]:
    """A key that nothing follows is as good as none."""
    match schema:
        case {"type": str(one)}:
            return {**schema, "type": [one, "null"]}
        case {"type": list(several)}:
            return {**schema, "type": [*several, "null"]}
        case _:
            return {"anyOf": [schema, {"type": "null"}]}
