"""The table of all settings: what fills which field, where it is read from, how, and what it means."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from tampu.config import values
from tampu.config.address import DEFAULT_ADDRESS, parse_address
from tampu.secret import Secret
from tampu.units import KeepAlive


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table: the field it fills, the variable it is read from, how, and what it means.

    `automatic`: what logs tell of a default that is no value yet, such as the range that it will lie in.
    """

    name: str
    variable: str
    read: Callable[[str], Any]
    default: Any
    meaning: str
    automatic: str = ""


SETTINGS: Final[tuple[Setting, ...]] = (
    Setting("address", "OLLAMA_HOST", parse_address, DEFAULT_ADDRESS, "Address to listen on and to connect to, `[scheme://]host[:port]`"),
    Setting("models_folder", "OLLAMA_MODELS", values.path, None, "Folder of the models (default `~/.ollama/models`)"),
    Setting("keep_alive", "OLLAMA_KEEP_ALIVE", values.duration_or_seconds, KeepAlive.of_seconds(300), "How long an idle model stays loaded: a duration or seconds; negative: for ever"),
    Setting("load_timeout_s", "OLLAMA_LOAD_TIMEOUT", values.positive_duration_s, 300.0, "How long a load may go without progress; 0: for ever"),
    Setting("context_length", "OLLAMA_CONTEXT_LENGTH", values.count, 0, "Context length in tokens where neither model nor request says; 0: automatic"),
    Setting("max_loaded_models", "OLLAMA_MAX_LOADED_MODELS", values.count, 0, "Models loaded at once; 0: automatic"),
    Setting("num_parallel", "OLLAMA_NUM_PARALLEL", values.count, 0, "Requests that a model works on at once; 0: automatic", automatic="1-4"),
    Setting("max_queue", "OLLAMA_MAX_QUEUE", values.count, 512, "Requests that may wait for a model to load"),
    Setting("origins", "OLLAMA_ORIGINS", values.origins, (), "Browser origins allowed besides the built-in ones, comma-separated"),
    Setting("no_prune", "OLLAMA_NOPRUNE", values.flag, False, "Do not remove unused blobs at start, nor after pull and create"),
    Setting("go_template", "OLLAMA_GO_TEMPLATE", values.flag, None, "Whether a model's Go template is used before the GGUF's own; unset: whichever can do more"),
    Setting("translates", "OLLAMA_LLAMA_CPP_COMPAT", values.unless_zero, True, "0: load models of Ollama's own layouts as they are stored, which few engines can"),
    Setting("flash_attention", "OLLAMA_FLASH_ATTENTION", values.flag, None, "Flash attention; unset: the engine decides", automatic="false"),
    Setting("kv_cache_type", "OLLAMA_KV_CACHE_TYPE", values.cache_type, "f16", "Type of the key/value cache: f16, q8_0, q4_0, or f32, bf16, q5_0, q5_1, q4_1"),
    Setting("gpu_overhead_bytes", "OLLAMA_GPU_OVERHEAD", values.count, 0, "Bytes to leave free on each GPU; never less than 1 GiB"),
    Setting("sched_spread", "OLLAMA_SCHED_SPREAD", values.flag, False, "Spread every model over all GPUs, which is done anyway"),
    Setting("llm_library", "OLLAMA_LLM_LIBRARY", values.text, "", "`cpu` (or a name that begins so): use no GPU; others choose nothing here"),
    Setting("no_cloud", "OLLAMA_NO_CLOUD", values.flag, False, "Never contact ollama.com"),
    Setting("log_level", "OLLAMA_DEBUG", values.log_level, 0, "More log: 1 debug, 2 trace"),
    Setting("no_history", "OLLAMA_NOHISTORY", values.flag, False, "Keep no history of the interactive session"),
    Setting("editor", "OLLAMA_EDITOR", values.text, "", "Editor of the interactive session (Ctrl-G)"),
    Setting("visual_editor", "VISUAL", values.text, "", "Editor of the interactive session where `OLLAMA_EDITOR` says none"),
    Setting("plain_editor", "EDITOR", values.text, "", "Editor of the interactive session where `VISUAL` says none either; then it is vi"),
    Setting("llama_server", "TAMPU_LLAMA_SERVER", values.text, "", "Path of a `llama-server` binary to use instead of the bundled engine"),
    Setting("speculation", "TAMPU_SPECULATION", values.flag, False, "Guess what repeats earlier text and check it in one step, for models on which it pays"),
    Setting("prompt_cache_mib", "TAMPU_PROMPT_CACHE_MIB", values.count, 4096, "MiB of disk for the state of long prompts, which outlives the engine; 0: none"),
    Setting("isolate", "TAMPU_ISOLATE", values.flag, False, "Let no request use anything of another: no prompt cache, in memory or on disk, and no guessing"),
    Setting("autostart", "TAMPU_AUTOSTART", values.flag, True, "Start a server in the background where a command finds none on this machine"),
    Setting("describe_tools", "TAMPU_DESCRIBE_TOOLS", values.flag, False, "Offer tools also to models whose template has no place for them, described in the system prompt"),
    Setting("mirrors", "TAMPU_MIRRORS", values.mirrors, {}, "Other places to pull from, tried in order before the registry itself: `HOST=URL,URL; HOST=URL`"),
    Setting("limit_rate", "TAMPU_LIMIT_RATE", values.rate, 0, "Bytes a second for all downloads together, with K, M or G as in curl; 0: no limit"),
    Setting("keep_partial_s", "TAMPU_KEEP_PARTIAL", values.positive_duration_s, 604800.0, "How long the start of a server leaves unfinished downloads alone: a duration or seconds; 0: for ever"),
    Setting("import_folders", "TAMPU_IMPORT", values.folders, (), "Folders whose GGUF files are models where they lie, separated as in PATH; looked at every half minute"),
    Setting("catalog", "TAMPU_CATALOG", values.path, None, "A file with further models and where to get them, tried before the built-in catalog"),
    Setting("registry", "TAMPU_REGISTRY", values.flag, False, "Serve the stored models to others as a read-only registry, at `/v2/`"),
    Setting("registry_key", "TAMPU_REGISTRY_KEY", Secret, None, "Key that others need to pull from this server; unset: whoever reaches it may"),
    Setting("ca_file", "TAMPU_CA_FILE", values.ca_file, None, "PEM file of certificate authorities to trust besides the system's when models are fetched"),
    Setting("lan_redirects", "TAMPU_LAN_REDIRECTS", values.flag, False, "Follow a registry that redirects to private addresses of this network"),
    Setting("docker_folder", "DOCKER_CONFIG", values.path, None, "Folder of Docker's `config.json`, whose logins registries are shown (default `~/.docker`)"),
    Setting("no_color", "NO_COLOR", bool, False, "Any text: no colours on the terminal"),
    Setting("idle_exit_s", "TAMPU_IDLE_EXIT", values.positive_duration_s, 1800.0, "How long a server that a command started in the background stays without requests; 0: for ever"),
)  # fmt: skip
