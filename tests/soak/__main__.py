"""Soak a server.

usage: python -m tests.soak [SECONDS]    (600 if left out); before that a thousand clients come and leave
"""

import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

from tests.soak.disconnects import disconnect
from tests.soak.soak import soak


def main() -> int:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 600.0
    folder = Path(tempfile.mkdtemp(prefix="tampu-soak-"))
    try:
        lost = disconnect(folder / "disconnects", 1000)
        print("a thousand disconnects:", "; ".join(lost) or "nothing was left over", flush=True)
        end = time.monotonic() + seconds
        done, found = soak(folder / "soak", lambda _: time.monotonic() < end)
    finally:
        shutil.rmtree(folder)
    print(json.dumps(dict(sorted(done.items())), indent=1))
    print("\n".join(found) or "nothing was lost or left over")
    return 1 if lost or found else 0


if __name__ == "__main__":
    sys.exit(main())
