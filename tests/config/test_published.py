"""What is published of the settings is current: `python -m tests.config.published` writes it anew."""

import json

from tampu.config import SETTINGS, Settings
from tampu.config.file import KINDS
from tampu.config.schema import file_schema
from tampu.config.table import SECTIONS, UNHEEDED
from tests.config.published import SCHEMA_FILE, SETTINGS_PAGE, schema_text, with_tables


def test_the_page_has_the_tables_as_they_are() -> None:
    assert with_tables(SETTINGS_PAGE.read_text()) == SETTINGS_PAGE.read_text()


def test_the_schema_is_that_of_the_table() -> None:
    assert SCHEMA_FILE.read_text() == schema_text()
    sections = json.loads(schema_text())["properties"]
    assert set(sections) == {*SECTIONS, "models"}
    assert {f"{name}.{key}" for name in SECTIONS for key in sections[name]["properties"]} == set(KINDS)


def test_keys_and_variables_are_each_used_once() -> None:
    keys = [setting.key for setting in SETTINGS if setting.key]
    variables = [name for setting in SETTINGS for name in (setting.variable, *setting.also)]
    assert len(keys) == len(set(keys))
    assert len(variables) == len(set(variables))


def test_the_example_of_the_page_is_allowed() -> None:
    from tampu.config.file import settings_in

    example = SETTINGS_PAGE.read_text().partition("```yaml\n")[2].partition("```")[0]
    said = settings_in(example, "the example")
    assert len(said.models) == 2
    assert file_schema()["additionalProperties"] is False


def test_what_changes_nothing_is_listed() -> None:
    text = SETTINGS_PAGE.read_text()
    assert [name for name in UNHEEDED if f"`{name}`" not in text] == []
    assert not {setting.variable for setting in SETTINGS} & set(UNHEEDED)
    assert Settings.read({"OLLAMA_VULKAN": "0", "OLLAMA_SKILLS": ""}).unheeded == ("OLLAMA_VULKAN",)
