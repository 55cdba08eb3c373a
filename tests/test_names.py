import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tampu.errors import BadRequest, InvalidName
from tampu.names import ModelName, ModelReference, Source

FIRST = st.sampled_from(string.ascii_letters + string.digits + "_")


def part(more: str, longest: int = 80) -> st.SearchStrategy[str]:
    rest = st.text(string.ascii_letters + string.digits + "_" + more, max_size=longest - 1)
    return st.builds(str.__add__, FIRST, rest)


NAMES = st.builds(ModelName, part("-.:", 40), part("-"), part("-."), part("-."))


@pytest.mark.parametrize(
    ("text", "full", "short"),
    [
        ("smollm2", "registry.ollama.ai/library/smollm2:latest", "smollm2:latest"),
        ("smollm2:135m", "registry.ollama.ai/library/smollm2:135m", "smollm2:135m"),
        ("me/x", "registry.ollama.ai/me/x:latest", "me/x:latest"),
        ("hf.co/u/r:Q4_K_M", "hf.co/u/r:Q4_K_M", "hf.co/u/r:Q4_K_M"),
        ("localhost:5000/n/m", "localhost:5000/n/m:latest", "localhost:5000/n/m:latest"),
        ("http://h:80/n/m:t", "h:80/n/m:t", "h:80/n/m:t"),
        ("library/x", "registry.ollama.ai/library/x:latest", "x:latest"),
        ("Registry.Ollama.AI/Library/x", "Registry.Ollama.AI/Library/x:latest", "x:latest"),
        ("registry.ollama.ai/Library/x", "registry.ollama.ai/Library/x:latest", "x:latest"),
        ("x:///n/m", "registry.ollama.ai/n/m:latest", "n/m:latest"),
    ],
)
def test_forms(text: str, full: str, short: str) -> None:
    name = ModelName.parse(text)
    assert (name.full, name.short) == (full, short)


@pytest.mark.parametrize(
    "text",
    ["", ":", "foo:", ":tag", "/foo", "a//b", "foo/", "a b", "x@sha256:abc", "..", "a/../b", "../../etc/passwd", "-x",
     ".hidden", "a/b.c/d/e", "n.s/m", "x\0y", "mödel", "x" * 81, "x:" + "t" * 81, "h/" + "n" * 81 + "/m", "a\n", "а",
     "h//n/m", "://n/m"],
)  # fmt: skip
def test_refused(text: str) -> None:
    with pytest.raises(InvalidName):
        ModelName.parse(text)


@given(NAMES)
def test_a_name_reads_back_from_each_of_its_forms(name: ModelName) -> None:
    assert ModelName.parse(name.full) == name
    assert ModelName.parse(name.short) == name


@given(st.text())
def test_any_text_is_a_safe_name_or_refused(text: str) -> None:
    try:
        name = ModelName.parse(text)
    except InvalidName:
        return
    for component in name.parts:
        assert component not in {"", ".", ".."}
        assert not set(component) & set("/\\\0 ")


@pytest.mark.parametrize(
    ("raw", "base", "source", "stored"),
    [
        ("m", "m", Source.UNSPECIFIED, "m:latest"),
        (" m:7b ", "m:7b", Source.UNSPECIFIED, "m:7b"),
        ("m:cloud", "m", Source.CLOUD, "m:cloud"),
        ("m:Cloud", "m", Source.CLOUD, "m:cloud"),
        ("m:20b-cloud", "m:20b", Source.CLOUD, "m:20b-cloud"),
        ("m:20b:cloud", "m:20b", Source.CLOUD, "m:20b-cloud"),
        ("m:local", "m", Source.LOCAL, "m:latest"),
        ("m: Local ", "m", Source.LOCAL, "m:latest"),
        ("m: 7b-Cloud", "m:7b", Source.CLOUD, "m:7b-cloud"),
        ("m:7b:local", "m:7b", Source.LOCAL, "m:7b"),
        ("my-cloud", "my-cloud", Source.UNSPECIFIED, "my-cloud:latest"),
        ("h:5000/n/m-cloud", "h:5000/n/m-cloud", Source.UNSPECIFIED, "h:5000/n/m-cloud:latest"),
    ],
)
def test_source_suffixes(raw: str, base: str, source: Source, stored: str) -> None:
    reference = ModelReference.parse(raw)
    assert (reference.base, reference.source, reference.stored_name.short) == (base, source, stored)


@pytest.mark.parametrize("raw", ["foo:cloud:local", "foo:1b-cloud:cloud", "foo:local:local"])
def test_two_suffixes_are_refused(raw: str) -> None:
    with pytest.raises(BadRequest, match="use either :local or :cloud, not both"):
        ModelReference.parse(raw)
