"""The settings as values, read once at the start and passed down."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from tampu.config.address import DEFAULT_ADDRESS, DEFAULT_PORT, Address, port_of
from tampu.config.cloud import FILE_NAME, is_switched_off
from tampu.config.environment import read_environment
from tampu.config.file import FileSettings, find_file, places_of_file, read_file
from tampu.config.models import ModelSettings
from tampu.config.table import PORT_KEY, SETTINGS, UNHEEDED, Setting
from tampu.config.values import is_port
from tampu.errors import ConfigError
from tampu.secret import Secret
from tampu.units import KeepAlive

_BOTH: Final = " and "
NO_FLAGS: Final[Mapping[str, str]] = MappingProxyType({})
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
    keep_responses: KeepAlive = field(default_factory=lambda: KeepAlive.of_seconds(2592000))
    catalog: Path | None = None
    import_folders: tuple[Path, ...] = ()
    registry: bool = False
    registry_key: Secret | None = None
    ca_file: Path | None = None
    lan_redirects: bool = False
    image_urls: bool = False
    docker_folder: Path = field(default_factory=lambda: Path.home() / ".docker")
    no_color: bool = False
    idle_exit_s: float = 1800.0
    max_connections: int = 0
    config_file: Path | None = None
    """The file that settings were read from."""
    models: tuple[ModelSettings, ...] = ()
    """What is set for single models."""
    warnings: tuple[str, ...] = ()
    """Values that mean nothing, so that their defaults count; to be told to the user, in Ollama's words."""
    unheeded: tuple[str, ...] = ()
    """Variables of Ollama that are set and change nothing here."""
    sources: Mapping[str, str] = field(default_factory=dict)
    """Where the value of a field comes from, in words, where that is not its default."""

    @classmethod
    def read(cls, environment: Mapping[str, str] | None = None, flags: Mapping[str, str] = NO_FLAGS) -> "Settings":
        """Read every setting: from `flags` (text by field), else a variable of `environment` (default: this process's),
        else the settings file. Raises ConfigError.
        """
        environment = read_environment() if environment is None else environment
        user = home_of(environment)
        file = find_file(environment, user)
        said = FileSettings() if file is None else read_file(file)
        home = user / ".ollama"
        reading = _Reading(environment, flags, said, file)
        reading.heed_cloud_switch(home)
        places = {"home": home, "models_folder": home / "models", "docker_folder": user / ".docker"}
        values = {**places, **reading.values(), "models": said.models, "config_file": file}
        if file is not None:
            reading.sources.setdefault("config_file", "the default place")
        unheeded = tuple(name for name in UNHEEDED if _clean(environment.get(name, "")))
        return cls(**values, warnings=tuple(reading.warnings), sources=reading.sources, unheeded=unheeded)

    def of_model(self, name: str) -> ModelSettings:
        """What is set for the model of that short name alone."""
        return self._by_model.get(name.lower()) or ModelSettings(name=name)

    @cached_property
    def _by_model(self) -> Mapping[str, ModelSettings]:
        return {model.name.lower(): model for model in self.models}

    @property
    def cloud_switch(self) -> str:
        """What keeps the cloud away, in Ollama's words: none, env, config or both."""
        source = self.sources.get("no_cloud", "environment")
        if not self.no_cloud:
            return "none"
        if _BOTH in source:
            return "both"
        return "env" if source.startswith(("environment", "flag")) else "config"

    @cached_property
    def allowed_origins(self) -> tuple[str, ...]:
        """The configured origins, then the built-in ones."""
        return (*self.origins, *BUILT_IN_ORIGINS)


def places_of_settings(environment: Mapping[str, str] | None = None) -> tuple[Path, ...]:
    """Where a settings file may be, in the order in which it is looked for."""
    environment = read_environment() if environment is None else environment
    return tuple(places_of_file(environment, home_of(environment)))


def home_of(environment: Mapping[str, str]) -> Path:
    """The home folder of whoever runs this; raises ConfigError for somebody without one."""
    try:
        return Path(environment.get("HOME") or Path.home())
    except RuntimeError:
        raise ConfigError("HOME is not set, and this user has no home folder; set HOME to a folder") from None


class _Reading:
    """The three places that settings come from, as one. Of each the text that counts most is read."""

    def __init__(
        self, environment: Mapping[str, str], flags: Mapping[str, str], said: FileSettings, file: Path | None
    ) -> None:
        self._environment, self._flags, self._said, self._file = environment, flags, said, file
        self.warnings: list[str] = []
        self.sources: dict[str, str] = {}
        self._switch: Path | None = None

    def heed_cloud_switch(self, home: Path) -> None:
        """Let Ollama's own file keep the cloud away too; one place that says so is enough."""
        if is_switched_off(home):
            self._switch = home / FILE_NAME

    def values(self) -> dict[str, Any]:
        """The value of each field that is set anywhere; raises ConfigError."""
        found = {setting.name: self._value(setting) for setting in SETTINGS}
        self._heed_port(found)
        if self._switch is not None:
            others = f"{self.sources['no_cloud']}{_BOTH}" if found["no_cloud"] else ""
            found["no_cloud"], self.sources["no_cloud"] = True, f"{others}{self._switch}"
        return {name: value for name, value in found.items() if value is not None}

    def _value(self, setting: Setting) -> Any:
        """None where nothing counts but the default."""
        if setting.name in self._flags:
            return self._read(setting, "a flag", self._flags[setting.name], "flag of the command")
        for variable in (setting.variable, *setting.also):
            if text := _clean(self._environment.get(variable, "")):
                return self._read(setting, variable, text, f"environment {variable}")
        given = self._said.values.get(setting.key)
        if given is not None:
            self.sources[setting.name] = f"{self._file}:{given.line}"
        return None if given is None else given.value

    def _read(self, setting: Setting, name: str, text: str, source: str) -> Any:
        try:
            value = setting.kind.read(text)
        except ValueError as error:
            raise ConfigError(f"{name}: {error}") from None
        self.warnings += _warnings(setting, name, text, value)
        if value is not None:
            self.sources[setting.name] = source
        return value

    def _heed_port(self, found: dict[str, Any]) -> None:
        """The file's port completes its host; a variable names both."""
        given = self._said.values.get(PORT_KEY)
        if given is None or self.sources.get("address", "").startswith(("flag", "environment")):
            return
        address = found["address"] or DEFAULT_ADDRESS
        found["address"] = replace(address, port=given.value)
        self.sources["address"] = f"{self._file}:{given.line}"


def _warnings(setting: Setting, name: str, text: str, value: object) -> list[str]:
    if isinstance(value, Address):
        port = port_of(text)
        return [] if is_port(port) else [f"invalid port, using default port={port} default={DEFAULT_PORT}"]
    if value is None:
        # Ollama names the default of numbers and is silent about all others; what those may be is told.
        is_number = isinstance(setting.default, int)
        told = f"default={setting.automatic or setting.default}" if is_number else f'allowed="{setting.kind.allowed}"'
        return [f"invalid environment variable, using default key={name} value={text} {told}"]
    return []


def _clean(value: str) -> str:
    """A variable's value without blanks and quotes around it."""
    return value.strip().strip("\"'")
