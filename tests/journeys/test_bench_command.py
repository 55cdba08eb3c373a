"""`bench` against a real engine: the figures are there and make sense; how large they are is the machine's affair."""

import json

from tests.journeys.conftest import Served

WORDS = ["bench", "greek", "--prompt", "20", "--tokens", "5", "--rounds", "2"]


def test_a_row_for_each_number_of_clients(served: Served) -> None:
    run = served.command(*WORDS, "--concurrency", "1,3", "--json")
    assert (run.returncode, run.stderr) == (0, "")
    one, three = json.loads(run.stdout)
    assert (one["clients"], one["requests"], three["clients"], three["requests"]) == (1, 2, 3, 6)
    for row in (one, three):
        assert row["prompt_tokens"] >= 20
        assert min(row["prompt_rate"], row["rate_per_client"], row["rate_together"], row["first_token_s"]) > 0


def test_as_a_table(served: Served) -> None:
    lines = served.command(*WORDS).stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["CLIENTS", "1"]


def test_what_makes_no_sense_is_refused_in_words(served: Served) -> None:
    for wrong in ("0", "x", "1,,2", "1000000"):
        run = served.command("bench", "greek", "--concurrency", wrong)
        assert run.returncode == 1
        assert run.stderr.startswith(f"Error: --concurrency: '{wrong}' is no list of numbers")
    run = served.command("bench", "greek", "--tokens", "0")
    assert run.stderr == "Error: --prompt, --tokens and --rounds must be at least 1\n"
    assert served.command("bench", "absent").stderr == "Error: 404 Not Found: model 'absent' not found\n"
