"""The settings as values, read once at the start and passed down."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from tampu.config.address import DEFAULT_ADDRESS, DEFAULT_PORT, Address, split_port
from tampu.config.environment import read_environment
from tampu.config.table import SETTINGS, Setting
from tampu.secret import Secret
from tampu.units import KeepAlive

BUILT_IN_ORIGINS: Final = (
    *(
        pattern
        for host in ("localhost", "127.0.0.1", "0.0.0.0")  # noqa: S104  # an origin that a browser may name
        for pattern in (f"http://{host}", f"https://{host}", f"http://{host}:*", f"https://{host}:*")
    ),
    *(f"{scheme}://*" for scheme in ("app", "file", "tauri", "vscode-webview", "vscode-file")),
)


@dataclass(frozen=True)
class Settings:
    """The settings of this process. `home` is the folder that holds keys, history and logs (`~/.ollama`)."""

    address: Address = DEFAULT_ADDRESS
    models_folder: Path = field(default_factory=lambda: Path.home() / ".ollama" / "models")
    home: Path = field(default_factory=lambda: Path.home() / ".ollama")
    keep_alive: KeepAlive = field(default_factory=lambda: KeepAlive.of_seconds(300))
    load_timeout_s: float = 300.0
    context_length: int = 0
    max_loaded_models: int = 0
    num_parallel: int = 0
    max_queue: int = 512
    origins: tuple[str, ...] = ()
    no_prune: bool = False
    go_template: bool | None = None
    translates: bool = True
    flash_attention: bool | None = None
    kv_cache_type: str = "f16"
    gpu_overhead_bytes: int = 0
    sched_spread: bool = False
    llm_library: str = ""
    no_cloud: bool = False
    log_level: int = 0
    no_history: bool = False
    editor: str = ""
    visual_editor: str = ""
    plain_editor: str = ""
    llama_server: str = ""
    speculation: bool = False
    prompt_cache_mib: int = 4096
    isolate: bool = False
    autostart: bool = True
    describe_tools: bool = False
    mirrors: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    limit_rate: int = 0
    keep_partial_s: float = 604800.0
    catalog: Path | None = None
    import_folders: tuple[Path, ...] = ()
    registry: bool = False
    registry_key: Secret | None = None
    ca_file: Path | None = None
    lan_redirects: bool = False
    docker_folder: Path = field(default_factory=lambda: Path.home() / ".docker")
    no_color: bool = False
    idle_exit_s: float = 1800.0
    warnings: tuple[str, ...] = ()
    """Values that mean nothing, so that their defaults count; to be told to the user, in Ollama's words."""

    @classmethod
    def read(cls, environment: Mapping[str, str] | None = None) -> "Settings":
        """Read every variable of the table from `environment` (default: this process's); raises ConfigError."""
        environment = read_environment() if environment is None else environment
        user = Path(environment.get("HOME") or Path.home())
        home = user / ".ollama"
        values: dict[str, Any] = {"home": home, "models_folder": home / "models", "docker_folder": user / ".docker"}
        warnings = []
        for setting in SETTINGS:
            text = _clean(environment.get(setting.variable, ""))
            if not text:
                continue
            value = setting.read(text)
            if value is not None:
                values[setting.name] = value
            warnings += _warnings(setting, text, value)
        return cls(**values, warnings=tuple(warnings))

    @cached_property
    def allowed_origins(self) -> tuple[str, ...]:
        """The configured origins, then the built-in ones."""
        return (*self.origins, *BUILT_IN_ORIGINS)


def _warnings(setting: Setting, text: str, value: object) -> list[str]:
    if isinstance(value, Address):
        port = split_port(text.partition("://")[2].partition("/")[0] or text.partition("/")[0])[1]
        is_read = not port or (port.isascii() and port.isdigit() and int(port) <= 65535)
        return [] if is_read else [f"invalid port, using default port={port} default={DEFAULT_PORT}"]
    if value is None:
        default = f" default={setting.automatic or setting.default}" if isinstance(setting.default, int) else ""
        return [f"invalid environment variable, using default key={setting.variable} value={text}{default}"]
    return []


def _clean(value: str) -> str:
    """A variable's value without blanks and quotes around it."""
    return value.strip().strip("\"'")
