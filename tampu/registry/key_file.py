"""Where an installation keeps the key of its identity."""

from typing import Final

KEY_FILE: Final = "id_ed25519"
