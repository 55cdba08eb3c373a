"""The switch in Ollama's own file, `~/.ollama/server.json`: `disable_ollama_cloud`."""

import json
from pathlib import Path
from typing import Final

FILE_NAME: Final = "server.json"
_KEY: Final = "disable_ollama_cloud"
_MOST_BYTES: Final = 64 * 1024


def is_switched_off(home: Path) -> bool:
    """Whether the file in `home` says so. One that is not there, or that means nothing, says nothing, as in Ollama."""
    try:
        with (home / FILE_NAME).open("rb") as file:
            said = json.loads(file.read(_MOST_BYTES))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(said, dict) and said.get(_KEY) is True
