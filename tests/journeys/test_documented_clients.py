"""The snippets of docs/clients.md, each with its real library, against scripted models of the names it uses."""

import re
import subprocess
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import yaml

from tests.journeys.conftest import Served, serving
from tests.journeys.packages import are_here, node_folder, python_of

PAGE = Path(__file__).parents[2] / "docs" / "clients.md"
ADDRESS = "http://localhost:11434"
SAYS = "Hello from the script."
PACKAGES: Mapping[str, tuple[str, ...]] = {
    "Ollama for Python": ("ollama",),
    "Ollama for JavaScript": ("ollama",),
    "OpenAI for Python": ("openai",),
    "OpenAI for JavaScript": ("openai",),
    "OpenAI's Responses": ("openai",),
    "Anthropic for Python": ("anthropic",),
    "Anthropic for JavaScript": ("@anthropic-ai/sdk",),
    "LangChain": ("langchain-ollama",),
    "LangChain over OpenAI's API": ("langchain-openai",),
    "LlamaIndex": ("llama-index-llms-ollama", "llama-index-embeddings-ollama"),
    "LiteLLM": ("litellm",),
    "AI SDK": ("ai", "@ai-sdk/openai-compatible"),
}
TEMPLATE = (
    "{{- $done := false }}{{- $person := false }}{{- range .Messages }}"
    '{{ if eq .Role "tool" }}{{ $done = true }}{{ end }}'
    '{{ if eq .Content "Who is Ann, and how old?" }}{{ $person = true }}{{ end }}{{ end }}'
    "{{- if .Tools }}<|im_start|>tools\n{{ range .Tools }}{{ . }}\n{{ end }}<|im_end|>\n{{ end }}"
    "{{- range .Messages }}<|im_start|>{{ .Role }}\n{{ .Content }}"
    "{{- if .ToolCalls }}{{ range .ToolCalls }}\n<tool_call>\n"
    '{"name": "{{ .Function.Name }}", "arguments": {{ .Function.Arguments }}}\n</tool_call>{{- end }}{{ end }}'
    "<|im_end|>\n{{ end }}"
    "{{ if $person }}<|s5|>{{ else if and .Tools (not $done) }}<|s2|>{{ else }}<|s0|>{{ end }}"
)
"""Says hello, describes Ann where it is asked for her, and calls the tool that it is offered, once."""


def snippets() -> dict[str, tuple[str, str]]:
    """Language and text of the first block under each heading of the third level."""
    found = re.findall(r"^### (.+?)\n(?:(?!^#).)*?^```(\w+)\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    return {heading: (language, text) for heading, language, text in found}


@pytest.fixture(scope="module")
def speaking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("clients")) as served:
        served.upload("scripted.gguf", "qwen3", template=TEMPLATE)
        served.upload("tiny-bert.gguf", "embeddinggemma")
        yield served


def test_every_snippet_is_run() -> None:
    assert list(snippets()) == list(PACKAGES)
    assert len(re.findall(r"^```(?:python|js)\n", PAGE.read_text(), re.MULTILINE)) == len(PACKAGES)


def test_settings_are_well_formed() -> None:
    text = PAGE.read_text()
    for block in re.findall(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        assert yaml.safe_load(block)["models"]
    for block in re.findall(r"^```toml\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        assert tomllib.loads(block)["model_provider"]


@pytest.mark.slow
@pytest.mark.network
@pytest.mark.parametrize("heading", PACKAGES)
def test_a_snippet_does_what_it_says(heading: str, speaking: Served, tmp_path: Path) -> None:
    language, text = snippets()[heading]
    assert ADDRESS in text
    is_python = language == "python"
    if not are_here(PACKAGES[heading], in_node=not is_python):
        pytest.skip("the library is not at hand; `python -m tests.journeys.packages` fetches those of the page")
    runner = str(python_of(PACKAGES[heading])) if is_python else "node"
    folder = tmp_path if is_python else node_folder(PACKAGES[heading])
    program = folder / ("snippet.py" if is_python else "snippet.mjs")
    program.write_text(text.replace(ADDRESS, speaking.url))
    environment = {**speaking.environment, "NO_PROXY": "*", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    run = subprocess.run([runner, str(program)], capture_output=True, text=True, timeout=180, env=environment)
    assert run.returncode == 0, run.stderr[-2000:]
    assert SAYS in run.stdout
