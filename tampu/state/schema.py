"""What the database holds, as the steps that lead from each version to the next.

The file's own `user_version` says how many steps were taken. A step that was released is never changed: a new one is
added behind it.
"""

from typing import Final

STEPS: Final[tuple[tuple[str, ...], ...]] = (
    (
        """
        CREATE TABLE responses (
            id TEXT PRIMARY KEY,
            previous_id TEXT NOT NULL,
            expires_at REAL NOT NULL,
            bytes INTEGER NOT NULL,
            items BLOB NOT NULL,
            document BLOB NOT NULL
        )
        """,
        "CREATE INDEX responses_by_expiry ON responses (expires_at, bytes)",
    ),
)
VERSION: Final = len(STEPS)
