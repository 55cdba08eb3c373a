"""Any body of any route becomes a request or a refusal in words, never anything else."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tampu.api.dialect import Call
from tampu.api.native import blobs, chat, create, embed, generate, manage, models, transfer
from tampu.errors import BadRequest, Forbidden, NotFound, TampuError
from tampu.generation import ChatInput, InvalidFormat
from tampu.messages import Tool

CODECS: dict[str, Any] = {
    "generate": generate.CODEC,
    "chat": chat.CODEC,
    "embed": embed.EMBED_CODEC,
    "embeddings": embed.LEGACY_CODEC,
    "show": models.SHOW_CODEC,
    "create": create.CREATE_CODEC,
    "pull": transfer.PULL_CODEC,
    "copy": manage.COPY_CODEC,
    "delete": manage.DELETE_CODEC,
}
FIELDS = (
    "model name prompt suffix system template context stream raw format keep_alive images options think truncate shift "
    "logprobs top_logprobs _debug_render_only messages tools role content tool_calls function arguments parameters "
    "properties type items anyOf enum required input dimensions from files adapters draft_files license quantize info "
    "source destination insecure verbose MODEL Stream"
).split()
numbers = (
    st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([10**400, -(10**400), 1e308])
)
words = st.sampled_from(
    ["", "m", "m:cloud", "a b", "json", "5m", "-1", "9" * 5000 + "s", "low", "x/y", "\u0130", "QUJD"]
)
values = st.recursive(
    st.none() | st.booleans() | numbers | words | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=4),
    max_leaves=12,
)
bodies = st.dictionaries(st.sampled_from(FIELDS), values, max_size=8)


@pytest.mark.parametrize("route", CODECS)
@settings(max_examples=100, deadline=None)
@given(body=bodies)
def test_every_body_is_read_or_refused(route: str, body: dict[str, Any]) -> None:
    codec = CODECS[route]
    try:
        codec.decode(Call(json.dumps({"model": "m", **body}).encode()))
    except TampuError as error:
        assert isinstance(error, BadRequest | NotFound | Forbidden)  # noqa: PT017
        reply = codec.encode_error(error)
        assert 400 <= reply.status < 500
        assert json.loads(reply.body)["error"]


@pytest.mark.parametrize(
    "digest",
    ["sha256:x", "sha256-" + "0" * 63, "sha512:" + "0" * 64, "sha256:" + "٠" * 64, "sha256:" + "0" * 64 + "\n"],
)
def test_a_digest_is_checked_at_the_door(digest: str) -> None:
    with pytest.raises(BadRequest, match="invalid digest format"):
        blobs.RECEIVE_BLOB_CODEC.decode(Call(parameters={"digest": digest}))


@pytest.mark.parametrize(
    ("model", "error"),
    [
        ("", "model '' not found"),
        (":local", "invalid model name"),
        ("m:-cloud", "invalid model name"),
        ("m", "invalid input"),
    ],
)
def test_a_name_is_looked_at_before_what_is_asked_of_the_model(model: str, error: str) -> None:
    with pytest.raises(TampuError, match=error):
        embed.EMBED_CODEC.decode(Call(json.dumps({"model": model, "input": 5}).encode()))


@pytest.mark.parametrize("written", ["[ 1, 2 ]", "1.50", '"\\u00e9 <b>"', "1E5"])
def test_a_format_that_is_none_is_told_as_it_was_sent(written: str) -> None:
    body = f'{{"model":"m","prompt":"x","FORMAT": {written} }}'
    assert generate.CODEC.decode(Call(body.encode())).format == InvalidFormat(written)


def test_tools_keep_what_templates_know() -> None:
    tool = {
        "type": "function",
        "function": {
            "name": "f",
            "parameters": {
                "type": "object",
                "properties": {"b": {"type": ["string", "null"], "default": 1, "anyOf": [{"type": "x"}]}, "a": None},
                "$defs": {"d": [None]},
            },
        },
    }
    request = chat.CODEC.decode(Call(json.dumps({"model": "m", "tools": [tool, None]}).encode()))
    assert isinstance(request.input, ChatInput)
    first, second = request.input.tools
    assert second == Tool()
    assert first.function.parameters.defs == {"d": [None]}
    assert list(first.function.parameters.properties or ()) == ["b", "a"]


def test_messages_come_as_they_are_but_for_the_case_of_roles() -> None:
    call = {"function": {"name": "f", "arguments": {"z": 1, "a": None}}}
    body = {"model": "m", "messages": [{"role": "ASSISTANT", "tool_calls": [call, {}]}, None, {"role": "Odd"}]}
    request = chat.CODEC.decode(Call(json.dumps(body).encode()))
    assert isinstance(request.input, ChatInput)
    assistant, nothing, odd = request.input.messages
    assert (assistant.role, nothing.role, odd.role) == ("assistant", "", "odd")
    assert list(assistant.tool_calls[0].function.arguments.items()) == [("z", 1), ("a", None)]
    assert assistant.tool_calls[1].function.name == ""


@pytest.mark.parametrize("path", ["/a", "../a", "a/../b", "./a", "a//b", "", "a/", ".."])
@pytest.mark.parametrize("field", ["files", "draft_files"])
def test_paths_of_files_stay_inside(path: str, field: str) -> None:
    body = json.dumps({"model": "m", field: {path: "sha256:0"}}).encode()
    with pytest.raises(BadRequest, match="file path must be relative"):
        create.CREATE_CODEC.decode(Call(body))


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"files": {"a": ""}}, "invalid digest format"),
        ({"adapters": {"a": ""}}, "invalid digest format"),
        ({"draft_files": {"a": ""}}, "invalid digest format"),
        ({"from": "b", "draft_quantize": "q4_0"}, "requires a DRAFT model"),
    ],
)
def test_files_without_digest_and_drafts_without_files_are_refused(asked: dict[str, object], words: str) -> None:
    with pytest.raises(BadRequest, match=words):
        create.CREATE_CODEC.decode(Call(json.dumps({"model": "m", **asked}).encode()))
