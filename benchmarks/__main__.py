"""Print the table of measures. Exit status 1 if a promise does not hold.

usage: python -m benchmarks [--json]
"""

import json
import logging
import sys
from dataclasses import asdict

from benchmarks.crowd_measures import crowd_rows
from benchmarks.dialect_measures import dialect_rows
from benchmarks.embedding_measures import embedding_rows
from benchmarks.endurance_measures import endurance_rows
from benchmarks.engine_measures import engine_rows
from benchmarks.format_measures import format_rows
from benchmarks.measures import Row, cold_rows, idle_rows, warm_rows
from benchmarks.prompt_measures import prompt_rows
from benchmarks.pull_measures import pull_rows
from benchmarks.recorded_measures import recorded_rows
from benchmarks.reuse_measures import reuse_rows
from benchmarks.store_measures import store_rows
from benchmarks.terminal_measures import terminal_rows
from benchmarks.view_measures import view_rows

COLUMNS = ("measure", "bare engine", "tampu", "compared", "promised", "")


def main() -> int:
    measured = (
        idle_rows,
        terminal_rows,
        store_rows,
        view_rows,
        format_rows,
        prompt_rows,
        pull_rows,
        crowd_rows,
        warm_rows,
        dialect_rows,
        embedding_rows,
        cold_rows,
        reuse_rows,
        engine_rows,
        recorded_rows,
        endurance_rows,
    )
    logging.disable(logging.WARNING)  # what replies made to take long are told for
    rows: list[Row] = []
    for rows_of in measured:
        print(f"measuring: {rows_of.__name__.removesuffix('_rows')}", file=sys.stderr, flush=True)
        rows += rows_of()
    if "--json" in sys.argv:
        print(json.dumps([asdict(row) for row in rows], indent=1))
    else:
        print_table(rows)
    return 1 if any(row.holds is False for row in rows) else 0


def print_table(rows: list[Row]) -> None:
    verdicts = {None: "", True: "holds", False: "DOES NOT HOLD"}
    cells = [COLUMNS, *((r.measure, r.bare, r.tampu, r.compared, r.bar, verdicts[r.holds]) for r in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(COLUMNS))]
    for line in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


if __name__ == "__main__":
    sys.exit(main())
