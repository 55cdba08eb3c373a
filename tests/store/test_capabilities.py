from pathlib import Path

import pytest

from tampu.generation import Capability
from tampu.gguf.metadata import facts_of
from tampu.gguf.reader import read_header
from tampu.names import ModelName
from tampu.store.capabilities import (
    PARSER_CAPABILITIES,
    CapabilitySources,
    full_capabilities,
    list_capabilities,
    sources_of,
)
from tampu.store.model import Manifest, Model, ModelConfig
from tests.fakes.gguf_files import GgufFile, small_model
from tests.recordings import recording

PATHS = recording("prompting/path.json")
RENDERED = {
    case["create"]["model"]: case for case in recording("prompting/renderers_http.json") if "capabilities" in case
}


@pytest.fixture
def facts(tmp_path):
    def facts(metadata=None, file=None):
        return facts_of(read_header((file or small_model(metadata)).write(tmp_path / "m.gguf")))

    return facts


def model(*, config=None, template=None):
    return Model(
        name=ModelName.parse("m"),
        digest="0" * 64,
        modified_ns=0,
        size_bytes=0,
        manifest=Manifest(),
        config=config or ModelConfig(),
        weights=(Path("weights"),),
        template=template,
        parameters={},
    )


def words(capabilities):
    return [capability.value for capability in capabilities]


@pytest.mark.parametrize("case", PATHS, ids=lambda case: "-".join(map(str, case["names"])))
def test_templates_as_recorded(case, facts):
    weights = facts({"tokenizer.chat_template": case["jinja"]})
    found = full_capabilities(sources_of(model(template=case["go"]), weights))
    assert words(found) == case["capabilities"]


@pytest.mark.parametrize("case", RENDERED.values(), ids=lambda case: case["create"]["model"])
def test_renderers_and_parsers_as_recorded(case, facts):
    create = case["create"]
    config = ModelConfig(
        renderer=create.get("renderer", ""),
        parser=create.get("parser", ""),
        model_family="llama",
    )
    found = full_capabilities(sources_of(model(config=config, template=create.get("template")), facts()))
    assert words(found) == case["capabilities"]


@pytest.mark.parametrize("known", recording("prompting/parsers/facts.json"), ids=lambda known: known["parser"])
def test_parsers_as_recorded(known):
    expected = {Capability(word) for word in ("tools", "thinking") if known[word]}
    assert PARSER_CAPABILITIES[known["parser"]] == expected


def test_order_of_the_full_answer(facts):
    sources = CapabilitySources(
        config=ModelConfig(capabilities=("image", "no such word"), parser="olmo3-think", model_family="gptoss"),
        weights=facts({"llama.audio.block_count": 1, "llama.vision.block_count": 1}),
        go=frozenset({Capability.INSERT, Capability.TOOLS}),
    )
    assert words(full_capabilities(sources)) == [
        "image",
        "completion",
        "vision",
        "audio",
        "tools",
        "insert",
        "thinking",
    ]
    assert words(list_capabilities(sources)) == [
        "completion",
        "vision",
        "audio",
        "image",
        "tools",
        "insert",
        "thinking",
    ]


def test_the_engines_template_comes_first_and_lists_do_not_see_it(facts):
    sources = CapabilitySources(
        config=ModelConfig(), weights=facts(), jinja=frozenset({Capability.THINKING, Capability.TOOLS})
    )
    assert words(full_capabilities(sources)) == ["tools", "thinking", "completion"]
    assert words(list_capabilities(sources)) == ["completion"]


def test_embedding_models_do_not_complete(facts):
    sources = CapabilitySources(config=ModelConfig(), weights=facts({"llama.pooling_type": 1}))
    assert words(full_capabilities(sources)) == words(list_capabilities(sources)) == ["embedding"]


@pytest.mark.parametrize(
    ("metadata", "full"),
    [
        ([("clip.has_vision_encoder", True)], ["completion", "vision"]),
        ([("clip.has_audio_encoder", True)], ["completion", "vision", "audio"]),
        ([("clip.has_audio_encoder", True), ("clip.projector_type", "gemma3nv")], ["completion", "vision"]),
    ],
)
def test_projectors(facts, metadata, full):
    projector = facts(file=GgufFile(metadata=[("general.architecture", "clip"), *metadata]))
    sources = CapabilitySources(config=ModelConfig(), weights=facts(), projectors=[projector])
    assert words(full_capabilities(sources)) == full
    assert words(list_capabilities(sources)) == ["completion", "vision"]


def test_a_projector_alone_and_one_that_cannot_be_read():
    sources = CapabilitySources(config=ModelConfig(), weights=None, projectors=[None])
    assert words(full_capabilities(sources)) == words(list_capabilities(sources)) == ["vision"]


def test_what_an_architecture_cannot_hear_is_not_told(facts):
    weights = facts({"llama.audio.block_count": 1})
    sources = CapabilitySources(config=ModelConfig(model_family="nemotron_h_omni"), weights=weights)
    assert words(full_capabilities(sources)) == ["completion"]


def test_a_broken_stored_template_adds_nothing(facts):
    assert words(full_capabilities(sources_of(model(template="{{ .Tools"), facts()))) == ["completion"]


@pytest.mark.parametrize(("setting", "expected"), [(True, ["completion"]), (False, ["tools", "completion"])])
def test_the_setting_chooses_the_template(facts, setting, expected):
    weights = facts({"tokenizer.chat_template": "{{ tools }}"})
    found = full_capabilities(sources_of(model(template="{{ .Prompt }}"), weights, go_template=setting))
    assert words(found) == expected


def test_lists_tell_a_parsers_tools_in_front_of_insert(facts):
    sources = CapabilitySources(
        config=ModelConfig(parser="qwen3-coder"), weights=facts(), go=frozenset({Capability.INSERT})
    )
    assert words(full_capabilities(sources)) == ["completion", "insert", "tools"]
    assert words(list_capabilities(sources)) == ["completion", "tools", "insert"]
