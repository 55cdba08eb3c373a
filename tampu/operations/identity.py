"""The identity by which registries know this installation, made when the server first starts."""

from pathlib import Path

from tampu.deferred import load
from tampu.registry.key_file import KEY_FILE


def ensure_identity(home: Path) -> str | None:
    """Make the key in `home` if there is none: its report for the person who starts the server, else None.

    Raises StoreError where it can be neither found nor written; what is there is not read before it is needed.
    """
    path = home / KEY_FILE
    if path.exists():
        return None
    identity = load("tampu.registry.identity", "Identity").load_or_create(home)
    return f"Couldn't find '{path}'. Generating new private key.\nYour new public key is: \n\n{identity.public_line}\n"
