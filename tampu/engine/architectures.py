"""Which kinds of models the bundled engine knows, told without loading it: it holds the name of each."""

import importlib.metadata
import importlib.util
import mmap
from functools import cache
from pathlib import Path
from typing import Final

from tampu.errors import EngineStartFailed

_PACKAGE: Final = "xllamacpp"
_LONGEST_NAME: Final = 80
_KNOWN: Final = frozenset(
    """
    bert clip cohere2 command-r deepseek2 deepseek2-ocr falcon gemma gemma-embedding gemma2 gemma3 gemma3n gemma4 glm4
    glm4moe gpt-oss gpt2 granite granitehybrid granitemoe internlm2 laguna lfm2 lfm2moe llama llama4 mamba minicpm
    mistral3 nemotron nemotron_h nemotron_h_moe nomic-bert nomic-bert-moe olmo olmo2 olmoe orion phi2 phi3 phimoe qwen
    qwen2 qwen2moe qwen2vl qwen3 qwen35 qwen35moe qwen3moe qwen3next qwen3vl qwen3vlmoe smollm3 stablelm starcoder
    starcoder2
    """.split()
)
"""Those that need no looking up."""


def is_common(architecture: str) -> bool:
    """Whether every engine that is in use knows it."""
    return architecture in _KNOWN


def require_known(architecture: str) -> None:
    """Raise EngineStartFailed for an architecture that the bundled engine cannot load, whatever else is in the file."""
    if not is_common(architecture) and not _is_in_library(architecture):
        raise EngineStartFailed(
            f"unknown model architecture: '{architecture[:_LONGEST_NAME]}'; "
            f"the engine ({bundled_version()}) cannot run such models: a newer version of Tampu may, "
            "or a llama-server named by TAMPU_LLAMA_SERVER; or use another model"
        )


def bundled_version() -> str:
    """The bundled engine and its version."""
    try:
        return f"{_PACKAGE} {importlib.metadata.version(_PACKAGE)}"
    except importlib.metadata.PackageNotFoundError:
        return _PACKAGE


@cache
def _is_in_library(name: str) -> bool:
    """Whether the library has the name as a text of its own, or as the end of one. True where it cannot be told."""
    try:
        found = importlib.util.find_spec(_PACKAGE)
        folder = Path(found.origin).parent if found and found.origin else None
        libraries = [path for path in folder.iterdir() if path.suffix in {".so", ".pyd", ".dylib"}] if folder else []
        return not libraries or any(_holds(path, name.encode() + b"\0") for path in libraries)
    except (OSError, ValueError, ImportError):
        return True


def _holds(path: Path, text: bytes) -> bool:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content.find(text) >= 0
