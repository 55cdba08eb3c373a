"""Fuzzes one target, guided by the coverage of our own code: `make fuzz`.

usage: python -m tests.fuzz TARGET [--seconds N | --runs N] [--keep FOLDER]

What crashes, hangs or takes much memory is written to FOLDER, usually that of the kept cases, which every later test
run plays again. Ends with another status than 0 then.
"""

import argparse
import resource
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["tampu"], enable_loader_override=False):
    from tests.fuzz.targets import TARGETS, Target

CASES = Path(__file__).parent / "cases"
LONGEST_S = 5
MOST_MEMORY_MB = 1024


def main() -> None:
    wanted = argparse.ArgumentParser(prog="python -m tests.fuzz")
    wanted.add_argument("target", choices=TARGETS)
    wanted.add_argument("--seconds", type=int, default=0)
    wanted.add_argument("--runs", type=int, default=-1)
    wanted.add_argument("--seed", type=int, default=0, help="0 draws another one each time")
    wanted.add_argument("--keep", type=Path, default=None)
    options = wanted.parse_args()
    target, keep = TARGETS[options.target], options.keep or CASES / options.target
    keep.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="tampu-fuzz-") as folder:
        limits = {"max_total_time": options.seconds, "runs": options.runs, "seed": options.seed}
        # What a process took at most begins with what its parent took: Linux hands that on.
        inherited_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
        limits |= {"max_len": target.longest, "timeout": LONGEST_S, "rss_limit_mb": inherited_mb + MOST_MEMORY_MB}
        arguments = [f"-{name}={value}" for name, value in limits.items()]
        arguments += [f"-artifact_prefix={keep}/", f"-dict={_dictionary(Path(folder), target)}", "-print_final_stats=1"]
        atheris.Setup([sys.argv[0], *arguments, str(_corpus(Path(folder), target))], target.run)
        atheris.Fuzz()  # ends the process itself


def _corpus(folder: Path, target: Target) -> Path:
    corpus = folder / "corpus"
    corpus.mkdir()
    for number, seed in enumerate(target.seeds()):
        (corpus / str(number)).write_bytes(seed)
    return corpus


def _dictionary(folder: Path, target: Target) -> Path:
    path = folder / "words"
    path.write_text("".join('"{}"\n'.format("".join(f"\\x{byte:02x}" for byte in word)) for word in target.words))
    return path


if __name__ == "__main__":
    main()
