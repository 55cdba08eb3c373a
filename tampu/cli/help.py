"""Help pages, laid out as people know them from Ollama; what Ollama does not have stands under a heading of its own."""

from collections.abc import Iterable, Sequence
from typing import Final

from tampu.cli.grammar import Flag

SUMMARY: Final = "Large language model runner"
VARIABLES: Final = {
    "OLLAMA_DEBUG": "Show additional debug information (e.g. OLLAMA_DEBUG=1)",
    "OLLAMA_HOST": "IP Address for the server (default 127.0.0.1:11434)",
    "OLLAMA_CONTEXT_LENGTH": "Context length to use unless otherwise specified (default: by memory)",
    "OLLAMA_KEEP_ALIVE": 'The duration that models stay loaded in memory (default "5m")',
    "OLLAMA_MAX_LOADED_MODELS": "Maximum number of loaded models (default: by memory)",
    "OLLAMA_MAX_TRANSFER_STREAMS": "Accepted for compatibility; has no effect yet",
    "OLLAMA_MAX_QUEUE": "Maximum number of queued requests",
    "OLLAMA_MODELS": "The path to the models directory",
    "OLLAMA_NUM_PARALLEL": "Maximum number of parallel requests (default: by memory)",
    "OLLAMA_NO_CLOUD": "Never contact ollama.com",
    "OLLAMA_NOPRUNE": "Do not prune model blobs on startup",
    "OLLAMA_ORIGINS": "A comma separated list of allowed origins",
    "OLLAMA_SCHED_SPREAD": "Always schedule model across all GPUs",
    "OLLAMA_FLASH_ATTENTION": "Flash attention (default: the engine decides)",
    "OLLAMA_KV_CACHE_TYPE": "Quantization type for the K/V cache (default: f16)",
    "OLLAMA_LLM_LIBRARY": "Set LLM library to bypass autodetection",
    "OLLAMA_GPU_OVERHEAD": "Reserve a portion of VRAM per GPU (bytes)",
    "OLLAMA_IGPU_ENABLE": "Accepted for compatibility; has no effect yet",
    "LLAMA_ARG_FIT": "Accepted for compatibility; has no effect yet",
    "LLAMA_ARG_FIT_TARGET": "Accepted for compatibility; has no effect yet",
    "OLLAMA_LOAD_TIMEOUT": 'How long to allow model loads to stall before giving up (default "5m")',
    "OLLAMA_EDITOR": "Path to editor for interactive prompt editing (Ctrl+G)",
    "OLLAMA_NOHISTORY": "Do not preserve readline history",
}
RUN_VARIABLES: Final = ("OLLAMA_EDITOR", "OLLAMA_HOST", "OLLAMA_NOHISTORY")
HOST_VARIABLE: Final = ("OLLAMA_HOST",)
SERVE_VARIABLES: Final = tuple(name for name in VARIABLES if name not in {"OLLAMA_EDITOR", "OLLAMA_NOHISTORY"})


def command_page(
    program: str,
    usage: str,
    *,
    summary: str,
    aliases: Sequence[str],
    flags: Iterable[Flag],
    variables: Iterable[str],
) -> str:
    """The page of one command. `usage`: its name and the words it takes."""
    name = usage.split(" ", 1)[0]
    parts = [summary, _block("Usage:", [f"  {program} {usage} [flags]"])]
    if aliases:
        parts.append(_block("Aliases:", [f"  {', '.join((name, *aliases))}"]))
    parts += _flag_blocks(name, flags)
    lines = [f"      {variable:<27}   {VARIABLES[variable]}" for variable in variables]
    if lines:
        parts.append(_block("Environment Variables:", lines))
    return "\n\n".join(parts) + "\n"


def program_page(
    program: str,
    *,
    commands: Sequence[tuple[str, str]],
    more_commands: Sequence[tuple[str, str]],
    flags: Iterable[Flag],
) -> str:
    """The page of the program: (name, summary) of its commands, those beyond Ollama's apart."""
    width = max(len(name) for name, _ in (*commands, *more_commands))
    parts = [
        SUMMARY,
        _block("Usage:", [f"  {program} [flags]", f"  {program} [command]"]),
        _block("Available Commands:", [f"  {name:<{width}}   {summary}" for name, summary in commands]),
    ]
    if more_commands:
        lines = [f"  {name:<{width}}   {summary}" for name, summary in more_commands]
        parts.append(_block("Commands Beyond Ollama:", lines))
    parts += _flag_blocks(program, flags)
    parts.append(f'Use "{program} [command] --help" for more information about a command.')
    return "\n\n".join(parts) + "\n"


def _flag_blocks(name: str, flags: Iterable[Flag]) -> list[str]:
    known = sorted([*flags, Flag(["-h", "--help"], help=f"help for {name}")], key=lambda flag: flag.long)
    shown = [flag for flag in known if not flag.hidden]
    ours = [flag for flag in shown if flag.beyond]
    blocks = [_block("Flags:", _flag_lines([flag for flag in shown if not flag.beyond]))]
    return [*blocks, _block("Flags Beyond Ollama:", _flag_lines(ours))] if ours else blocks


def _flag_lines(flags: Sequence[Flag]) -> list[str]:
    names = [_flag_name(flag) for flag in flags]
    width = max(map(len, names))
    return [f"  {name:<{width}}   {_meaning(flag)}" for name, flag in zip(names, flags, strict=True)]


def _flag_name(flag: Flag) -> str:
    short = f"-{flag.short}, " if flag.short else "    "
    optional = f'[="{flag.without_value}"]' if flag.word and flag.without_value is not None else ""
    return f"{short}{flag.long}{f' {flag.word}{optional}' if flag.word else ''}"


def _meaning(flag: Flag) -> str:
    return f'{flag.help} (default "{flag.default}")' if flag.word and flag.default else str(flag.help)


def _block(heading: str, lines: Sequence[str]) -> str:
    return "\n".join((heading, *lines))
