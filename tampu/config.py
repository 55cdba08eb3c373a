"""Settings: one table of every environment variable, read once at the start and passed down.

Nothing else in the code base reads the environment (a test holds this). Values are trimmed of blanks and quotes. What
a value means follows Ollama: a boolean that is no Go boolean word is true, a number that does not parse is the default.
"""

import ipaddress
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from tampu.errors import BadRequest, ConfigError
from tampu.secret import Secret
from tampu.units import FOREVER, KeepAlive, parse_rate

DEFAULT_PORT: Final = 11434
GO_TRUE: Final = frozenset({"1", "t", "T", "TRUE", "true", "True"})
GO_FALSE: Final = frozenset({"0", "f", "F", "FALSE", "false", "False"})
BUILT_IN_ORIGINS: Final = (
    *(
        pattern
        for host in ("localhost", "127.0.0.1", "0.0.0.0")  # noqa: S104  # an origin that a browser may name
        for pattern in (f"http://{host}", f"https://{host}", f"http://{host}:*", f"https://{host}:*")
    ),
    *(f"{scheme}://*" for scheme in ("app", "file", "tauri", "vscode-webview", "vscode-file")),
)


@dataclass(frozen=True, slots=True)
class Address:
    """Where the server listens and clients connect: `[scheme://]host[:port][/path]`."""

    scheme: str
    host: str
    port: int
    path: str = ""

    @property
    def url(self) -> str:
        """The address as a URL without a trailing slash."""
        return f"{self.scheme}://{self.authority}{self.path}"

    @property
    def authority(self) -> str:
        """`host:port`."""
        return f"{self._bracketed}:{self.port}"

    @property
    def connect_host(self) -> str:
        """The host to connect to: an unspecified bind address means this machine."""
        match self.host:
            case "" | "0.0.0.0":  # noqa: S104  # recognised, not bound
                return "127.0.0.1"
            case "::":
                return "::1"
            case host:
                return host

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the address."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def reaches_this_machine(self) -> bool:
        """Whether a client that connects to the address talks to this very machine, whoever else may."""
        return Address(self.scheme, self.connect_host, self.port).is_loopback

    @property
    def _bracketed(self) -> str:
        return f"[{self.host}]" if ":" in self.host else self.host


def parse_address(text: str) -> Address:
    """Read OLLAMA_HOST; a port that is no port means the default one, as in Ollama."""
    scheme, separator, rest = text.partition("://")
    default_port = {"http": 80, "https": 443}.get(scheme, DEFAULT_PORT) if separator else DEFAULT_PORT
    if not separator:
        scheme, rest = "http", text
        if text == "ollama.com":
            scheme, default_port = "https", 443
    authority, _, path = rest.partition("/")
    host, port = _split_port(authority)
    number = int(port) if port.isascii() and port.isdigit() and int(port) <= 65535 else None
    if port and number is None:
        number = DEFAULT_PORT
    path = path.rstrip("/")
    return Address(
        scheme, host.strip("[]") or ("" if port else "127.0.0.1"), number or default_port, f"/{path}" if path else ""
    )


def _split_port(authority: str) -> tuple[str, str]:
    if authority.startswith("["):
        host, _, after = authority.partition("]")
        return host, after.removeprefix(":")
    if authority.count(":") > 1:
        return authority, ""
    host, _, port = authority.partition(":")
    return host, port


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table: the field it fills, the variable it is read from, how, and what it means."""

    name: str
    variable: str
    read: Callable[[str], Any]
    default: Any
    meaning: str


def _text(value: str) -> str:
    return value


def _flag(value: str) -> bool:
    return value not in GO_FALSE


def _count(value: str) -> int | None:
    """An unsigned integer; None (the default) where it does not parse."""
    return int(value) if value.isascii() and value.isdigit() else None


def _duration_or_seconds(value: str) -> KeepAlive | None:
    try:
        return KeepAlive.of_seconds(int(value))
    except ValueError:
        pass
    try:
        return KeepAlive.of_text(value)
    except BadRequest:
        return None


def _positive_duration_s(value: str) -> float | None:
    """Seconds; zero or less means for ever (infinity)."""
    lasting = _duration_or_seconds(value)
    if lasting is None:
        return None
    return float("inf") if lasting == FOREVER or lasting.is_zero else lasting.seconds


def _origins(value: str) -> tuple[str, ...]:
    origins = []
    for text in value.split(","):
        entry = text if "*" in text else text.lower()
        check_origin(entry)
        origins.append(entry)
    return tuple(origins)


def check_origin(entry: str) -> None:
    """Refuse an entry of OLLAMA_ORIGINS that could never match; raises ConfigError."""
    schemes = ("http", "https", "chrome-extension", "safari-extension", "moz-extension", "ms-browser-extension")
    if entry.count("*") > 1:
        raise ConfigError(f"OLLAMA_ORIGINS: {entry!r} has more than one '*'; at most one is allowed")
    if "*" not in entry and not entry.startswith(tuple(f"{scheme}://" for scheme in schemes)):
        raise ConfigError(
            f"OLLAMA_ORIGINS: {entry!r} must contain '*' or begin with one of {', '.join(schemes)} and ://"
        )


def _rate(value: str) -> int:
    try:
        return parse_rate(value)
    except BadRequest as error:
        raise ConfigError(f"TAMPU_LIMIT_RATE: {error.message}") from None


def _mirrors(value: str) -> Mapping[str, tuple[str, ...]]:
    """Base addresses by the host that they stand for, from `HOST=URL,URL; HOST=URL`; raises ConfigError."""
    mirrors: dict[str, tuple[str, ...]] = {}
    for entry in filter(None, (text.strip() for text in value.split(";"))):
        host, equals, rest = entry.partition("=")
        addresses = tuple(address.strip().rstrip("/") for address in rest.split(","))
        if not equals or not host.strip() or "/" in host:
            raise ConfigError(f"TAMPU_MIRRORS: {entry!r} is not of the form HOST=URL,URL")
        for address in addresses:
            _check_mirror(address)
        mirrors[host.strip().lower()] = addresses
    return mirrors


def _check_mirror(address: str) -> None:
    try:
        parts = urlsplit(address)
        is_good = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_good = False
    if not is_good or parts.query or parts.fragment or parts.username:
        raise ConfigError(f"TAMPU_MIRRORS: {address!r} is not an address of the form http[s]://host[:port][/path]")


def _ca_file(value: str) -> Path:
    path = Path(value).expanduser().absolute()
    try:
        is_pem = b"-----BEGIN CERTIFICATE-----" in path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"TAMPU_CA_FILE: {value!r} cannot be read: {(error.strerror or str(error)).lower()}"
        ) from None
    if not is_pem:
        raise ConfigError(f"TAMPU_CA_FILE: {value!r} holds no certificate in PEM form")
    return path


def _folders(value: str) -> tuple[Path, ...]:
    """Folders as in PATH; raises ConfigError for one that would depend on where the server was started."""
    folders = tuple(Path(entry.strip()).expanduser() for entry in value.split(os.pathsep) if entry.strip())
    for folder in folders:
        if not folder.is_absolute():
            raise ConfigError(f"TAMPU_IMPORT: {str(folder)!r} is not an absolute path")
    return folders


def _log_level(value: str) -> int:
    """0 info, 1 debug, 2 and more trace."""
    if value in GO_TRUE:
        return 1
    try:
        return max(0, int(value))
    except ValueError:
        return 0 if value in GO_FALSE else 1


SETTINGS: Final[tuple[Setting, ...]] = (
    Setting("address", "OLLAMA_HOST", parse_address, Address("http", "127.0.0.1", DEFAULT_PORT), "Address to listen on and to connect to, `[scheme://]host[:port]`"),
    Setting("models_folder", "OLLAMA_MODELS", lambda value: Path(value).expanduser(), None, "Folder of the models (default `~/.ollama/models`)"),
    Setting("keep_alive", "OLLAMA_KEEP_ALIVE", _duration_or_seconds, KeepAlive.of_seconds(300), "How long an idle model stays loaded: a duration or seconds; negative: for ever"),
    Setting("load_timeout_s", "OLLAMA_LOAD_TIMEOUT", _positive_duration_s, 300.0, "How long a load may go without progress; 0: for ever"),
    Setting("context_length", "OLLAMA_CONTEXT_LENGTH", _count, 0, "Context length in tokens where neither model nor request says; 0: automatic"),
    Setting("max_loaded_models", "OLLAMA_MAX_LOADED_MODELS", _count, 0, "Models loaded at once; 0: automatic"),
    Setting("num_parallel", "OLLAMA_NUM_PARALLEL", _count, 0, "Requests that a model works on at once; 0: automatic"),
    Setting("max_queue", "OLLAMA_MAX_QUEUE", _count, 512, "Requests that may wait for a model to load"),
    Setting("origins", "OLLAMA_ORIGINS", _origins, (), "Browser origins allowed besides the built-in ones, comma-separated"),
    Setting("no_prune", "OLLAMA_NOPRUNE", _flag, False, "Do not remove unused blobs at start, nor after pull and create"),
    Setting("go_template", "OLLAMA_GO_TEMPLATE", _flag, None, "Whether a model's Go template is used before the GGUF's own; unset: whichever can do more"),
    Setting("flash_attention", "OLLAMA_FLASH_ATTENTION", _flag, None, "Flash attention; unset: the engine decides"),
    Setting("kv_cache_type", "OLLAMA_KV_CACHE_TYPE", _text, "f16", "Type of the key/value cache: f16, q8_0 or q4_0"),
    Setting("gpu_overhead_bytes", "OLLAMA_GPU_OVERHEAD", _count, 0, "Bytes to leave free on each GPU"),
    Setting("sched_spread", "OLLAMA_SCHED_SPREAD", _flag, False, "Spread every model over all GPUs"),
    Setting("llm_library", "OLLAMA_LLM_LIBRARY", _text, "", "Engine library to use instead of the detected one"),
    Setting("no_cloud", "OLLAMA_NO_CLOUD", _flag, False, "Never contact ollama.com"),
    Setting("log_level", "OLLAMA_DEBUG", _log_level, 0, "More log: 1 debug, 2 trace"),
    Setting("no_history", "OLLAMA_NOHISTORY", _flag, False, "Keep no history of the interactive session"),
    Setting("editor", "OLLAMA_EDITOR", _text, "", "Editor of the interactive session (Ctrl-G)"),
    Setting("visual_editor", "VISUAL", _text, "", "Editor of the interactive session where `OLLAMA_EDITOR` says none"),
    Setting("plain_editor", "EDITOR", _text, "", "Editor of the interactive session where `VISUAL` says none either; then it is vi"),
    Setting("llama_server", "TAMPU_LLAMA_SERVER", _text, "", "Path of a `llama-server` binary to use instead of the bundled engine"),
    Setting("autostart", "TAMPU_AUTOSTART", _flag, True, "Start a server in the background where a command finds none on this machine"),
    Setting("describe_tools", "TAMPU_DESCRIBE_TOOLS", _flag, False, "Offer tools also to models whose template has no place for them, described in the system prompt"),
    Setting("mirrors", "TAMPU_MIRRORS", _mirrors, {}, "Other places to pull from, tried in order before the registry itself: `HOST=URL,URL; HOST=URL`"),
    Setting("limit_rate", "TAMPU_LIMIT_RATE", _rate, 0, "Bytes a second for all downloads together, with K, M or G as in curl; 0: no limit"),
    Setting("keep_partial_s", "TAMPU_KEEP_PARTIAL", _positive_duration_s, 604800.0, "How long the start of a server leaves unfinished downloads alone: a duration or seconds; 0: for ever"),
    Setting("import_folders", "TAMPU_IMPORT", _folders, (), "Folders whose GGUF files are models where they lie, separated as in PATH; looked at every half minute"),
    Setting("catalog", "TAMPU_CATALOG", lambda value: Path(value).expanduser(), None, "A file with further models and where to get them, tried before the built-in catalog"),
    Setting("registry", "TAMPU_REGISTRY", _flag, False, "Serve the stored models to others as a read-only registry, at `/v2/`"),
    Setting("registry_key", "TAMPU_REGISTRY_KEY", Secret, None, "Key that others need to pull from this server; unset: whoever reaches it may"),
    Setting("ca_file", "TAMPU_CA_FILE", _ca_file, None, "PEM file of certificate authorities to trust besides the system's when models are fetched"),
    Setting("lan_redirects", "TAMPU_LAN_REDIRECTS", _flag, False, "Follow a registry that redirects to private addresses of this network"),
    Setting("docker_folder", "DOCKER_CONFIG", lambda value: Path(value).expanduser(), None, "Folder of Docker's `config.json`, whose logins registries are shown (default `~/.docker`)"),
    Setting("no_color", "NO_COLOR", bool, False, "Any text: no colours on the terminal"),
    Setting("idle_exit_s", "TAMPU_IDLE_EXIT", _positive_duration_s, 1800.0, "How long a server that a command started in the background stays without requests; 0: for ever"),
)  # fmt: skip


@dataclass(frozen=True)
class Settings:
    """The settings of this process. `home` is the folder that holds keys, history and logs (`~/.ollama`)."""

    address: Address = Address("http", "127.0.0.1", DEFAULT_PORT)
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
        environment = os.environ if environment is None else environment
        user = Path(environment.get("HOME") or Path.home())
        home = user / ".ollama"
        values: dict[str, Any] = {"home": home, "models_folder": home / "models", "docker_folder": user / ".docker"}
        warnings = []
        for setting in SETTINGS:
            text = clean(environment.get(setting.variable, ""))
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
        port = _split_port(text.partition("://")[2].partition("/")[0] or text.partition("/")[0])[1]
        is_read = not port or (port.isascii() and port.isdigit() and int(port) <= 65535)
        return [] if is_read else [f"invalid port, using default port={port} default={DEFAULT_PORT}"]
    if value is None:
        default = f" default={setting.default}" if isinstance(setting.default, int) else ""
        return [f"invalid environment variable, using default key={setting.variable} value={text}{default}"]
    return []


def clean(value: str) -> str:
    """A variable's value without blanks and quotes around it."""
    return value.strip().strip("\"'")


def engine_environment(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """What the engine's child process may see: where libraries and devices are, and no secret."""
    environment = os.environ if environment is None else environment
    return {name: value for name, value in environment.items() if name in _ENGINE_VARIABLES}


_ENGINE_VARIABLES: Final = frozenset(
    {
        "PATH",
        "LANG",
        "LC_ALL",
        "TZ",
        "TMPDIR",
        "LD_LIBRARY_PATH",
        "DYLD_LIBRARY_PATH",
        "SYSTEMROOT",
        "GOMP_SPINCOUNT",
        "OMP_PLACES",
        "OMP_PROC_BIND",
        "OMP_WAIT_POLICY",
        "CUDA_VISIBLE_DEVICES",
        "HIP_VISIBLE_DEVICES",
        "ROCR_VISIBLE_DEVICES",
        "GGML_VK_VISIBLE_DEVICES",
        "GPU_DEVICE_ORDINAL",
        "HSA_OVERRIDE_GFX_VERSION",
        "OMP_NUM_THREADS",
    }
)
