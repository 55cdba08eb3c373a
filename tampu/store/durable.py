"""Making a change of names durable."""

import os
from pathlib import Path


def sync_folder(folder: Path) -> None:
    """Return when renames and deletions in the folder would survive a power cut, where the platform can say so."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return  # Windows opens no folders; the rename itself is still atomic
    try:
        os.fsync(handle)
    except OSError:
        return  # some network file systems sync no folders
    finally:
        os.close(handle)
