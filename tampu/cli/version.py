"""`--version`: of the server and of this program."""

from tampu import OLLAMA_VERSION, __version__
from tampu.cli.invocation import Invocation
from tampu.client.client import Client
from tampu.errors import TampuError


def version_report(invocation: Invocation) -> str:
    """The lines, for standard output. Versions are levels of Ollama's API, because scripts compare them."""
    try:
        server = Client(invocation.settings.address).version()
    except TampuError:
        server = None
    lines = []
    if server is None:
        lines.append("Warning: could not connect to a running Ollama instance")
    elif server:
        own = f" (tampu {__version__})" if invocation.program == "tampu" else ""
        lines.append(f"ollama version is {server}{own}")
    if server != OLLAMA_VERSION:
        lines.append(f"Warning: client version is {OLLAMA_VERSION}")
    return "".join(f"{line}\n" for line in lines)
