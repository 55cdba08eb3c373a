"""Command lines as users of Ollama write them in their notes, typed into a shell."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tampu.config import Address
from tests.cli.program import run_program
from tests.fakes.registry_server import FakeRegistry
from tests.fakes.stub_server import Answer, stub_server
from tests.fakes.terminal import program_on_terminal
from tests.journeys.conftest import free_port
from tests.journeys.test_pull import add_talking_model, registry_beside
from tests.models import recorded_model

WAIT = "for _ in $(seq 200); do ollama list >/dev/null 2>&1 && break; sleep 0.05; done\n"
STOP = "\nkill $!; wait $! 2>/dev/null\n"
NOT_FOUND = 127


@pytest.fixture(scope="module")
def registry() -> Iterator[FakeRegistry]:
    with registry_beside() as registry:
        add_talking_model(registry, "library/smollm2:135m")
        yield registry


class Shell:
    """A bash with `ollama` on its path and a home of its own."""

    def __init__(self, home: Path, registry: FakeRegistry) -> None:
        self.home, self.address = home, Address("http", "127.0.0.1", free_port())
        (home / "bin").mkdir()
        program = home / "bin" / "ollama"
        program.write_text(
            f'#!{sys.executable}\nimport sys\nsys.argv[0] = "ollama"\nfrom tampu.cli.main import main\nmain()\n'
        )
        program.chmod(0o755)
        self.variables = {
            "PATH": f"{home / 'bin'}:/usr/bin:/bin",
            "HOME": str(home),
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "OLLAMA_HOST": f"127.0.0.1:{self.address.port}",
            "TAMPU_MIRRORS": f"registry.ollama.ai=http://{registry.host}",
            "TAMPU_AUTOSTART": "0",
        }

    def run(self, script: str, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {**self.variables, **variables}
        return subprocess.run(
            ["bash", "-c", script], env=environment, cwd=self.home, text=True, capture_output=True, timeout=120
        )


@pytest.fixture
def shell(tmp_path: Path, registry: FakeRegistry) -> Shell:
    return Shell(tmp_path, registry)


def test_a_first_evening(shell: Shell) -> None:
    (shell.home / "Modelfile").write_text(f"FROM {recorded_model('tiny-bert')}\n")
    script = """
        ollama serve & """ + WAIT + """
        ollama pull smollm2:135m || exit 1
        ollama list | grep smollm2 || exit 2
        shopt -s expand_aliases
        alias ds="ollama run smollm2:135m"
        eval 'ds "Hello"' || exit 3
        echo hello | ollama run smollm2:135m || exit 4
        ollama run smollm2:135m --verbose hi 2> timings || exit 5
        grep -q "eval rate" timings || exit 6
        ollama create all-minilm >/dev/null 2>&1 || exit 7
        ollama embedding all-minilm "text" > one || exit 8
        ollama run all-minilm "text" > two || exit 9
        echo "text" | ollama run all-minilm > three || exit 10
        ollama ps | grep smollm2 || exit 11
        ollama stop smollm2:135m || exit 12
        ollama ps | grep smollm2 && exit 13
        ollama purge --dry-run || exit 14
        ollama list | head -1 || exit 15
        ollama serve 2> second && exit 16
        grep -q "A server of this program (tampu .*) listens there already" second || exit 17
    """ + STOP  # fmt: skip
    done = shell.run(script)
    assert done.returncode in {0, 143}, done
    said = done.stdout
    assert "smollm2:135m    " in said
    assert "NAME" in said
    one, two, three = (json.loads((shell.home / name).read_text()) for name in ("one", "two", "three"))
    assert len(one) == 32
    assert one == two
    assert three == pytest.approx(one, abs=0.2), "a text with a newline is nearly the same text"
    assert "Traceback" not in done.stderr + said


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("OLLAMA_FLASH_ATTENTION=1 ollama serve", "OLLAMA_FLASH_ATTENTION:true"),
        ("OLLAMA_HOST=0.0.0.0:{port} OLLAMA_ORIGINS='*' ollama serve", "Listening on [::]:{port}"),
    ],
)
def test_serving_with_settings_before_it(shell: Shell, line: str, told: str) -> None:
    port = str(shell.address.port)
    origin = "-H 'Origin: http://any.example'" if "ORIGINS" in line else ""
    script = f"{line.format(port=port)} 2> log & {WAIT}curl -s {origin} -D head $OLLAMA_HOST" + STOP
    done = shell.run(script)
    assert done.stdout.endswith("Ollama is running"), done
    assert told.format(port=port) in (shell.home / "log").read_text()
    if "ORIGINS" in line:
        assert "access-control-allow-origin: *" in (shell.home / "head").read_text().lower()


def test_chat_opens_a_session(tmp_path: Path) -> None:
    answers = {
        ("POST", "/api/show"): Answer({"capabilities": ["completion"]}),
        ("POST", "/api/generate"): Answer(lines=[{"done": True}]),
        ("POST", "/api/chat"): Answer(lines=[{"message": {"content": "Hello!"}}, {"done": True}]),
    }
    with (
        stub_server(answers) as stub,
        program_on_terminal("chat", "smollm2:135m", home=tmp_path, address=stub.address) as terminal,
    ):
        terminal.wait_for(">>> Send a message (/? for help)")
        terminal.send("hi\r")
        terminal.wait_for(">>> hi", "Hello!", "", ">>> Send a message (/? for help)")
        terminal.send("/bye\r")
        assert terminal.wait_for_end() == 0


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (Answer({"version": "0.12.3"}), b"Ollama 0.12.3 listens there. Stop it (on Linux: sudo systemctl stop ollama)"),
        (Answer({"error": "no"}, status=404), b"bind: address already in use\n"),
    ],
)
def test_who_has_the_port_is_told(tmp_path: Path, answer: Answer, told: bytes) -> None:
    with stub_server({("GET", "/api/version"): answer}) as stub:
        done = run_program("serve", home=tmp_path, address=stub.address)
    assert done.returncode == 1
    assert f"Error: listen tcp 127.0.0.1:{stub.address.port}: bind: address already in use\n".encode() in done.stderr
    assert told in done.stderr
    assert b"Traceback" not in done.stderr
