"""The program as a whole: exit codes, errors in one line, streams."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tampu.cli.catalog import COMMANDS, Program, unknown_command
from tampu.cli.main import program_name
from tests.architecture.source import ROOT
from tests.cli.program import NOWHERE, run_program
from tests.fakes.stub_server import Answer, stub_server
from tests.fakes.terminal import environment, program_on_terminal

MODELS = Answer({"models": [{"name": f"model-{number}:latest", "size": 5} for number in range(20_000)]})


def test_a_closed_pipe_is_quiet(tmp_path: Path) -> None:
    with stub_server({("GET", "/api/tags"): MODELS}) as stub:
        program = subprocess.Popen(
            [sys.executable, "-m", "tampu", "list"],
            env=environment(tmp_path, stub.address),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert program.stdout is not None
        assert program.stdout.readline().startswith(b"NAME")
        program.stdout.close()
        assert program.stderr is not None
        assert program.stderr.read() == b""
        program.stderr.close()
        assert program.wait(60) == 141


def test_the_name_that_was_called_is_the_name_in_errors(tmp_path: Path) -> None:
    done = run_program("list", home=tmp_path)
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr == b"Error: could not connect to tampu server, run 'tampu serve' to start it\n"
    assert [program_name(path) for path in ("/bin/ollama", "tampu.exe", "/x/tampu/__main__.py")] == [
        "ollama",
        "tampu",
        "tampu",
    ]


def test_values_that_mean_nothing_are_told(tmp_path: Path) -> None:
    done = run_program("list", home=tmp_path, OLLAMA_HOST="127.0.0.1:99999", OLLAMA_MAX_QUEUE="many")
    told = done.stderr.decode().splitlines()
    assert told[0].endswith(" WARN invalid port, using default port=99999 default=11434")
    assert told[1].endswith(
        " WARN invalid environment variable, using default key=OLLAMA_MAX_QUEUE value=many default=512"
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a file that is always full")
def test_a_full_disk_is_told_in_words(tmp_path: Path) -> None:
    with stub_server({("GET", "/api/tags"): MODELS}) as stub, Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "tampu", "list"],
            env=environment(tmp_path, stub.address),
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
            timeout=60,
        )
    assert (done.returncode, done.stderr) == (1, b"Error: no space left on device\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a file that is always full")
def test_a_page_that_could_not_be_written_is_an_error(tmp_path: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "tampu", "--help"],
            env=environment(tmp_path, NOWHERE),
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=60,
        )
    assert (done.returncode, done.stderr) == (1, b"Error: no space left on device\n")


@pytest.mark.skipif(os.name != "posix", reason="only there can a program be started without streams")
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_program_may_be_started_without_streams(tmp_path: Path, closed: str) -> None:
    with stub_server({("GET", "/api/tags"): MODELS}) as stub:
        done = subprocess.run(
            ["/bin/sh", "-c", f'"$0" -m tampu list {closed}', sys.executable],
            env=environment(tmp_path, stub.address),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=60,
        )
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(b"NAME") is (">&-" not in closed.split())


@pytest.mark.skipif(os.name != "posix", reason="only there do programs die of an interrupt")
def test_an_interrupt_ends_the_script_around_it(tmp_path: Path) -> None:
    answer = Answer(lines=[{"status": "step one"}], hold=threading.Event())
    with (
        stub_server({("POST", "/api/pull"): answer}) as stub,
        program_on_terminal("pull", "m", home=tmp_path, address=stub.address) as terminal,
    ):
        terminal.wait_until(lambda: any("step one" in line for line in terminal.lines))
        terminal.send("\x03")
        assert terminal.wait_for_end() is None
        assert terminal.ended_by == signal.SIGINT, "a shell would go on to the next line of its loop"
        assert not terminal.hides_cursor


@pytest.mark.skipif(os.name != "posix", reason="only there are arguments bytes")
def test_an_argument_that_is_no_text_is_sent_as_far_as_it_is_one(tmp_path: Path) -> None:
    answers = {
        ("POST", "/api/show"): Answer({"capabilities": ["completion"]}),
        ("POST", "/api/generate"): Answer(lines=[{"response": "ok", "done": True}]),
    }
    with stub_server(answers) as stub:
        done = run_program("run", "m", os.fsdecode(b"gr\xfc\xdfe"), home=tmp_path, address=stub.address)
        assert (done.returncode, done.stderr) == (0, b"")
        assert stub.bodies("/api/generate")[0]["prompt"] == "gr\ufffd\ufffde"
        run_program("ps", "--cancel", os.fsdecode(b"\xfc"), home=tmp_path, address=stub.address)
    assert stub.asked[-1][:2] == ("DELETE", "/api/queue/%3F")


@pytest.mark.parametrize("host", ["a..b:1", "two words:1", "x" * 70])
def test_an_address_where_no_server_can_be(tmp_path: Path, host: str) -> None:
    for command in ("list", "serve"):
        done = run_program(command, home=tmp_path, OLLAMA_HOST=host)
        assert done.returncode == 1
        told = done.stderr.decode().splitlines()[-1]
        name = host.removesuffix(":1")
        assert told.startswith(
            (f"Error: no server can be at 'http://{name}", f"Error: listen tcp: lookup {name}: no such")
        )


def test_a_bad_setting_is_code_2(tmp_path: Path) -> None:
    done = run_program("list", home=tmp_path, OLLAMA_ORIGINS="nonsense")
    assert done.returncode == 2
    assert done.stderr.startswith(b"Error: OLLAMA_ORIGINS")
    assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize(
    "answer",
    [
        Answer({"models": 5}),
        Answer("[" * 100_000),
        Answer({"models": [{"size": "big"}]}),
        Answer("\x00\xff", status=500),
    ],
)
def test_nonsense_of_a_server_is_one_line(tmp_path: Path, answer: Answer) -> None:
    with stub_server({("GET", "/api/tags"): answer}) as stub:
        done = run_program("list", home=tmp_path, address=stub.address)
    assert done.returncode == 1
    assert done.stderr.startswith(b"Error: ")
    assert b"Traceback" not in done.stderr
    assert done.stderr.count(b"\n") == 1


def test_listings_as_json(tmp_path: Path) -> None:
    rows = [{"name": "a:latest", "size": 5, "digest": "0" * 64}]
    answers = {("GET", "/api/tags"): Answer({"models": rows}), ("GET", "/api/ps"): Answer({"models": []})}
    with stub_server(answers) as stub:
        assert (
            b'[{"name":"a:latest","size":5,' in run_program("ls", "--json", home=tmp_path, address=stub.address).stdout
        )
        assert run_program("ps", "--json", home=tmp_path, address=stub.address).stdout == b"[]\n"


def test_colours_can_be_switched_off(tmp_path: Path) -> None:
    lines = [{"thinking": "hm"}, {"response": "yes", "done": True}]
    answers = {
        ("POST", "/api/show"): Answer({"capabilities": ["completion", "thinking"]}),
        ("POST", "/api/generate"): Answer(lines=lines),
    }
    with stub_server(answers) as stub:
        done = run_program("run", "m", "hi", home=tmp_path, address=stub.address)
        assert done.stdout == b"Thinking...\nhm\n...done thinking.\n\nyes\n\n"
        assert done.stderr == b""
        with program_on_terminal("run", "m", "hi", home=tmp_path, address=stub.address) as terminal:
            assert terminal.wait_for_end() == 0
            terminal.wait_for("Thinking...", "hm", "...done thinking.", "", "yes")


@pytest.mark.parametrize(("name", "has_codes"), [("tampu", False), ("ollama", True)])
def test_codes_in_a_pipe(tmp_path: Path, name: str, has_codes: bool) -> None:
    script = tmp_path / name
    script.write_text("from tampu.cli.main import main\n\nmain()\n")
    answers = {
        ("POST", "/api/show"): Answer({"capabilities": ["completion"]}),
        ("POST", "/api/generate"): Answer(lines=[{"response": "word " * 40}, {"done": True, "eval_count": 1}]),
    }
    with stub_server(answers) as stub:
        done = subprocess.run(
            [sys.executable, str(script), "run", "m", "hi", "--verbose"],
            env=environment(tmp_path, stub.address, PYTHONPATH=str(ROOT)),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=60,
        )
    assert done.stdout.startswith(b"word word")
    assert (b"\x1b" in done.stdout) is (b"\x1b" in done.stderr) is has_codes


def test_what_is_piped_in_comes_before_the_words(tmp_path: Path) -> None:
    answers = {
        ("POST", "/api/show"): Answer({"capabilities": ["completion"]}),
        ("POST", "/api/generate"): Answer(lines=[{"response": "ok", "done": True}]),
    }
    with stub_server(answers) as stub:
        run_program("run", "m", "and", "this", home=tmp_path, address=stub.address, stdin=b"piped \xff text\n")
    assert stub.bodies("/api/generate")[0]["prompt"] == "piped \ufffd text\n and this"


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="only there is a file without an end")
def test_a_pipe_without_an_end_is_not_read_to_it(tmp_path: Path) -> None:
    with stub_server({("POST", "/api/show"): Answer({})}) as stub, Path("/dev/zero").open("rb") as endless:
        done = subprocess.run(
            [sys.executable, "-m", "tampu", "run", "m"],
            env=environment(tmp_path, stub.address),
            stdin=endless,
            capture_output=True,
            timeout=60,
        )
    told = b"Error: more than 64 MiB are piped in, which no server takes; send less at once\n"
    assert (done.returncode, done.stderr) == (1, told)


def test_every_command_loads_and_has_help(tmp_path: Path) -> None:
    program = Program("tampu")
    for entry in COMMANDS.values():
        for name in (entry.name, *entry.aliases):
            command = program.get_command(None, name)
            assert command is not None
            assert command.help == entry.summary
            assert all(flag.help for flag in command.flags)
    hidden = program.get_command(None, "login")
    assert hidden is not None
    assert hidden.page("tampu").startswith("Sign in to ollama.com\n\nUsage:\n  tampu login [flags]\n\nFlags:\n")
    done = run_program("help", "run", home=tmp_path)
    assert done.stdout.startswith(b"Run a model\n\nUsage:\n  tampu run MODEL [PROMPT] [flags]\n")


def test_suggestions() -> None:
    assert unknown_command("ollama", "lst") == (
        'unknown command "lst" for "ollama"\n\nDid you mean this?\n\tlist\n\tps\n'
    )
    assert unknown_command("ollama", "tags") == 'unknown command "tags" for "ollama"'


def test_the_version_without_a_server(tmp_path: Path) -> None:
    done = run_program("--version", home=tmp_path, address=NOWHERE)
    assert done.returncode == 0
    assert done.stdout.startswith(
        b"Warning: could not connect to a running Ollama instance\nWarning: client version is "
    )


def test_help_on_help_and_on_what_nobody_knows(tmp_path: Path) -> None:
    own = run_program("help", "--help", home=tmp_path)
    assert b"tampu help [command] [flags]" in own.stdout
    unknown = run_program("help", "nonsense", "a b", home=tmp_path)
    assert (unknown.returncode, unknown.stdout) == (0, b"")
    assert unknown.stderr.startswith(b"Unknown help topic [`nonsense` `a b`]\nUsage:\n  tampu [flags]\n")
    assert run_program("help", home=tmp_path).stdout == run_program("--help", home=tmp_path).stdout
