"""The table of all settings: what fills which field, where it is read from, how, and what it means."""

from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from tampu.config import kinds
from tampu.config.address import DEFAULT_ADDRESS
from tampu.config.kinds import Kind
from tampu.units import KeepAlive


class Counts(Enum):
    """When a change of a setting counts for a server that runs."""

    AT_ONCE = "at once"
    NEXT_LOAD = "for engines that start from then on"
    RESTART = "after a restart of the server"
    COMMAND = "for the next command"


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table: the field it fills, the variable and the key of the file that it is read from, and how.

    `automatic`: what logs tell of a default that is no value yet, such as the range that it will lie in.
    `also`: further names of the variable. `is_secret`: its value is never shown. A row without a key cannot be set in
    the file.
    """

    name: str
    variable: str
    key: str
    kind: Kind
    default: Any
    counts: Counts
    meaning: str
    automatic: str = ""
    also: tuple[str, ...] = ()
    is_secret: bool = False


PORT_KEY: Final = "server.port"
PORT_MEANING: Final = "Port to listen on and to connect to, where `server.host` names none"
SECTIONS: Final = {
    "server": "Where the server listens, and for whom",
    "limits": "How much is loaded and worked on at once",
    "engine": "What computes, and how",
    "storage": "Where models lie, and what is kept",
    "downloads": "Where models come from",
    "keys": "Keys that others must show; whoever can read the file can read them",
    "prompts": "How prompts are made",
    "terminal": "Commands and the interactive session",
}
"""The sections of the file."""

SETTINGS: Final[tuple[Setting, ...]] = (
    Setting("address", "OLLAMA_HOST", "server.host", kinds.ADDRESS, DEFAULT_ADDRESS, Counts.RESTART, "Address to listen on and to connect to, `[scheme://]host[:port]`"),
    Setting("models_folder", "OLLAMA_MODELS", "storage.models", kinds.PATH, None, Counts.RESTART, "Folder of the models (default `~/.ollama/models`)", also=("OLLAMA_MODELS_PATH",)),
    Setting("keep_alive", "OLLAMA_KEEP_ALIVE", "limits.keep_alive", kinds.KEEP_ALIVE, KeepAlive.of_seconds(300), Counts.NEXT_LOAD, "How long an idle model stays loaded: a duration or seconds; negative: for ever"),
    Setting("load_timeout_s", "OLLAMA_LOAD_TIMEOUT", "limits.load_timeout", kinds.LASTING, 300.0, Counts.NEXT_LOAD, "How long a load may go without progress; 0: for ever"),
    Setting("context_length", "OLLAMA_CONTEXT_LENGTH", "limits.context_length", kinds.COUNT, 0, Counts.AT_ONCE, "Context length in tokens where neither model nor request says; 0: automatic"),
    Setting("max_loaded_models", "OLLAMA_MAX_LOADED_MODELS", "limits.max_loaded_models", kinds.COUNT, 0, Counts.AT_ONCE, "Models loaded at once; 0: automatic"),
    Setting("num_parallel", "OLLAMA_NUM_PARALLEL", "limits.parallel", kinds.COUNT, 0, Counts.NEXT_LOAD, "Requests that a model works on at once; 0: automatic", automatic="1-8"),
    Setting("max_queue", "OLLAMA_MAX_QUEUE", "limits.max_queue", kinds.COUNT, 512, Counts.AT_ONCE, "Requests that may wait for a model to load"),
    Setting("max_connections", "TAMPU_MAX_CONNS", "server.max_conns", kinds.COUNT, 0, Counts.AT_ONCE, "Requests that are answered at once, streams among them; more are told to come again; 0: no limit"),
    Setting("origins", "OLLAMA_ORIGINS", "server.origins", kinds.ORIGINS, (), Counts.AT_ONCE, "Browser origins allowed besides the built-in ones, comma-separated"),
    Setting("no_prune", "OLLAMA_NOPRUNE", "storage.no_prune", kinds.FLAG, False, Counts.AT_ONCE, "Do not remove unused blobs at start, nor after pull and create"),
    Setting("go_template", "OLLAMA_GO_TEMPLATE", "prompts.go_template", kinds.AUTOMATIC_FLAG, None, Counts.RESTART, "Whether a model's Go template is used before the GGUF's own; unset: whichever can do more"),
    Setting("translates", "OLLAMA_LLAMA_CPP_COMPAT", "engine.translate_layouts", kinds.UNLESS_ZERO, True, Counts.RESTART, "0: load models of Ollama's own layouts as they are stored, which few engines can"),
    Setting("flash_attention", "OLLAMA_FLASH_ATTENTION", "engine.flash_attention", kinds.AUTOMATIC_FLAG, None, Counts.NEXT_LOAD, "Flash attention; unset: the engine decides", automatic="false"),
    Setting("kv_cache_type", "OLLAMA_KV_CACHE_TYPE", "engine.kv_cache_type", kinds.CACHE_TYPE, "f16", Counts.NEXT_LOAD, "Type of the key/value cache: f16, q8_0, q4_0, or f32, bf16, q5_0, q5_1, q4_1"),
    Setting("gpu_overhead_bytes", "OLLAMA_GPU_OVERHEAD", "engine.gpu_overhead", kinds.COUNT, 0, Counts.NEXT_LOAD, "Bytes to leave free on each GPU; never less than 1 GiB"),
    Setting("sched_spread", "OLLAMA_SCHED_SPREAD", "engine.spread", kinds.FLAG, False, Counts.NEXT_LOAD, "Spread every model over all GPUs, instead of as few as hold it"),
    Setting("llm_library", "OLLAMA_LLM_LIBRARY", "engine.library", kinds.TEXT, "", Counts.AT_ONCE, "`cpu` (or a name that begins so): use no GPU; others choose nothing here"),
    Setting("no_cloud", "OLLAMA_NO_CLOUD", "server.no_cloud", kinds.FLAG, False, Counts.AT_ONCE, "Never contact ollama.com"),
    Setting("log_level", "OLLAMA_DEBUG", "server.debug", kinds.LOG_LEVEL, 0, Counts.AT_ONCE, "More log: 1 debug, 2 trace"),
    Setting("no_history", "OLLAMA_NOHISTORY", "terminal.no_history", kinds.FLAG, False, Counts.COMMAND, "Keep no history of the interactive session"),
    Setting("editor", "OLLAMA_EDITOR", "terminal.editor", kinds.TEXT, "", Counts.COMMAND, "Editor of the interactive session (Ctrl-G)"),
    Setting("visual_editor", "VISUAL", "", kinds.TEXT, "", Counts.COMMAND, "Editor of the interactive session where `OLLAMA_EDITOR` says none"),
    Setting("plain_editor", "EDITOR", "", kinds.TEXT, "", Counts.COMMAND, "Editor of the interactive session where `VISUAL` says none either; then it is vi"),
    Setting("llama_server", "TAMPU_LLAMA_SERVER", "engine.llama_server", kinds.TEXT, "", Counts.NEXT_LOAD, "The engine to use: the path of a `llama-server` binary, or a name that `engine list` shows"),
    Setting("speculation", "TAMPU_SPECULATION", "engine.speculation", kinds.FLAG, False, Counts.NEXT_LOAD, "Guess what repeats earlier text and check it in one step, for models on which it pays"),
    Setting("prompt_cache_mib", "TAMPU_PROMPT_CACHE_MIB", "engine.prompt_cache_mib", kinds.COUNT, 4096, Counts.NEXT_LOAD, "MiB of disk for the state of long prompts, which outlives the engine; 0: none"),
    Setting("isolate", "TAMPU_ISOLATE", "engine.isolate", kinds.FLAG, False, Counts.NEXT_LOAD, "Let no request use anything of another: no prompt cache, in memory or on disk, and no guessing"),
    Setting("autostart", "TAMPU_AUTOSTART", "terminal.autostart", kinds.FLAG, True, Counts.COMMAND, "Start a server in the background where a command finds none on this machine"),
    Setting("describe_tools", "TAMPU_DESCRIBE_TOOLS", "prompts.describe_tools", kinds.FLAG, False, Counts.AT_ONCE, "Offer tools also to models whose template has no place for them, described in the system prompt"),
    Setting("mirrors", "TAMPU_MIRRORS", "downloads.mirrors", kinds.MIRRORS, {}, Counts.AT_ONCE, "Other places to pull from, tried in order before the registry itself: `HOST=URL,URL; HOST=URL`"),
    Setting("limit_rate", "TAMPU_LIMIT_RATE", "downloads.limit_rate", kinds.RATE, 0, Counts.AT_ONCE, "Bytes a second for all downloads together, with K, M or G as in curl; 0: no limit"),
    Setting("keep_partial_s", "TAMPU_KEEP_PARTIAL", "downloads.keep_partial", kinds.LASTING, 604800.0, Counts.RESTART, "How long the start of a server leaves unfinished downloads alone: a duration or seconds; 0: for ever"),
    Setting("import_folders", "TAMPU_IMPORT", "storage.import", kinds.FOLDERS, (), Counts.AT_ONCE, "Folders whose GGUF files are models where they lie, separated as in PATH; looked at every half minute"),
    Setting("keep_responses", "TAMPU_KEEP_RESPONSES", "storage.keep_responses", kinds.KEEP_ALIVE, KeepAlive.of_seconds(2592000), Counts.AT_ONCE, "How long responses of `/v1/responses` are kept, a day at most where the request does not say: a duration or seconds; 0: none; negative: for ever"),
    Setting("catalog", "TAMPU_CATALOG", "downloads.catalog", kinds.PATH, None, Counts.RESTART, "A file with further models and where to get them, tried before the built-in catalog"),
    Setting("registry", "TAMPU_REGISTRY", "server.registry", kinds.FLAG, False, Counts.AT_ONCE, "Serve the stored models to others as a read-only registry, at `/v2/`"),
    Setting("registry_key", "TAMPU_REGISTRY_KEY", "keys.registry", kinds.SECRET, None, Counts.AT_ONCE, "Key that others need to pull from this server; unset: whoever reaches it may", is_secret=True),
    Setting("ca_file", "TAMPU_CA_FILE", "downloads.ca_file", kinds.CA_FILE, None, Counts.RESTART, "PEM file of certificate authorities to trust besides the system's when models are fetched"),
    Setting("lan_redirects", "TAMPU_LAN_REDIRECTS", "downloads.lan_redirects", kinds.FLAG, False, Counts.RESTART, "Follow a registry that redirects to private addresses of this network"),
    Setting("image_urls", "TAMPU_IMAGE_URLS", "server.image_urls", kinds.FLAG, False, Counts.AT_ONCE, "Fetch pictures that a request names by an http or https address, from public machines only"),
    Setting("docker_folder", "DOCKER_CONFIG", "downloads.docker_folder", kinds.PATH, None, Counts.RESTART, "Folder of Docker's `config.json`, whose logins registries are shown (default `~/.docker`)"),
    Setting("no_color", "NO_COLOR", "terminal.no_color", kinds.ANY_TEXT_FLAG, False, Counts.COMMAND, "Any text: no colours on the terminal"),
    Setting("idle_exit_s", "TAMPU_IDLE_EXIT", "terminal.idle_exit", kinds.LASTING, 1800.0, Counts.RESTART, "How long a server that a command started in the background stays without requests; 0: for ever"),
    Setting("config_file", "TAMPU_CONFIG", "", kinds.PATH, None, Counts.RESTART, "The file with settings (default `~/.ollama/config.yml`, else `$XDG_CONFIG_HOME/ollama/config.yml`)"),
)  # fmt: skip
UNHEEDED: Final = (
    "OLLAMA_MAX_TRANSFER_STREAMS", "OLLAMA_IGPU_ENABLE", "OLLAMA_VULKAN", "LLAMA_ARG_FIT", "LLAMA_ARG_FIT_TARGET",
    "OLLAMA_DEBUG_LOG_REQUESTS", "OLLAMA_REMOTES", "OLLAMA_AUTH", "OLLAMA_EXPERIMENT", "OLLAMA_CLOUD_BASE_URL",
    "OLLAMA_AGENT_DISABLE_SHELL", "OLLAMA_AGENT_DISABLE_WEBSEARCH", "OLLAMA_SKILLS",
)  # fmt: skip
"""Variables of Ollama that change nothing here; who sets one is told."""
