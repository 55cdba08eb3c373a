"""The help listings of the session."""

from collections.abc import Sequence
from typing import Final

Row = tuple[str, str]
_COMMANDS: Final[Sequence[Row]] = (
    ("/set", "Set session variables"),
    ("/show", "Show model information"),
    ("/load <model>", "Load a session or model"),
    ("/save <model>", "Save your current session"),
    ("/clear", "Clear session context"),
    ("/bye", "Exit"),
    ("/?, /help", "Help for a command"),
    ("/? shortcuts", "Help for keyboard shortcuts"),
)
_OWN_HELP: Final[Row] = ("/? more", "Help for what Ollama does not have")
_MORE: Final[Sequence[Row]] = (
    ("/retry", "Have the last message answered again"),
    ("/undo", "Take the last message and its answer back"),
    ("/copy", "Copy the last answer to the clipboard"),
    ("/export [-f] <file>", "Keep the conversation, as markdown or .json"),
    ("/set speed", "Show tokens per second after each answer"),
    ("/set nospeed", "Do not show them"),
)
_SET: Final[Sequence[Row]] = (
    ("/set parameter ...", "Set a parameter"),
    ("/set system <string>", "Set system message"),
    ("/set history", "Enable history"),
    ("/set nohistory", "Disable history"),
    ("/set wordwrap", "Enable wordwrap"),
    ("/set nowordwrap", "Disable wordwrap"),
    ("/set format json", "Enable JSON mode"),
    ("/set noformat", "Disable formatting"),
    ("/set verbose", "Show LLM stats"),
    ("/set quiet", "Disable LLM stats"),
    ("/set think", "Enable thinking"),
    ("/set nothink", "Disable thinking"),
)
_SHOW: Final[Sequence[Row]] = (
    ("/show info", "Show details for this model"),
    ("/show license", "Show model license"),
    ("/show modelfile", "Show Modelfile for this model"),
    ("/show parameters", "Show parameters for this model"),
    ("/show system", "Show system message"),
    ("/show template", "Show prompt template"),
)
_PARAMETERS: Final[Sequence[Row]] = (
    ("/set parameter seed <int>", "Random number seed"),
    ("/set parameter num_predict <int>", "Max number of tokens to predict"),
    ("/set parameter top_k <int>", "Pick from top k num of tokens"),
    ("/set parameter top_p <float>", "Pick token based on sum of probabilities"),
    ("/set parameter min_p <float>", "Pick token based on top token probability * min_p"),
    ("/set parameter num_ctx <int>", "Set the context size"),
    ("/set parameter temperature <float>", "Set creativity level"),
    ("/set parameter repeat_penalty <float>", "How strongly to penalize repetitions"),
    ("/set parameter repeat_last_n <int>", "Set how far back to look for repetitions"),
    ("/set parameter num_gpu <int>", "The number of layers to send to the GPU"),
    ("/set parameter stop <string> <string> ...", "  Set the stop parameters"),
)
_SHORTCUTS: Final[Sequence[Row]] = (
    ("Ctrl + a", "Move to the beginning of the line (Home)"),
    ("Ctrl + e", "Move to the end of the line (End)"),
    (" Alt + b", "Move back (left) one word"),
    (" Alt + f", "Move forward (right) one word"),
    ("Ctrl + k", "Delete the sentence after the cursor"),
    ("Ctrl + u", "Delete the sentence before the cursor"),
    ("Ctrl + w", "Delete the word before the cursor"),
    ("", ""),
    ("Ctrl + l", "Clear the screen"),
    ("Ctrl + g", "Open default editor to compose a prompt"),
    ("Ctrl + c", "Stop the model from responding"),
    ("Ctrl + d", "Exit ollama (/bye)"),
)
_MEDIA_HINT: Final = "Use /path/to/file to include .jpg, .png, .webp images, or .wav audio files.\n"


def overview(*, is_multimodal: bool, knows_more: bool) -> str:
    """What `/?` prints; `knows_more`: with a line that leads to our own commands."""
    rows = (*_COMMANDS, _OWN_HELP) if knows_more else _COMMANDS
    hint = 'Use """ to begin a multi-line message.\n' + (_MEDIA_HINT if is_multimodal else "")
    return f"{_listing('Available Commands:', rows, 15)}{hint}\n"


def set_listing() -> str:
    """What `/set` alone prints."""
    return _listing("Available Commands:", _SET, 22)


def show_listing() -> str:
    """What `/show` alone prints."""
    return _listing("Available Commands:", _SHOW, 18)


def parameter_listing() -> str:
    """What `/set parameter` alone prints."""
    return _listing("Available Parameters:", _PARAMETERS, 37)


def more_listing() -> str:
    """What `/? more` prints."""
    return _listing("Available Commands:", _MORE, 21)


def shortcut_listing() -> str:
    """What `/? shortcuts` prints."""
    return _listing("Available keyboard shortcuts:", _SHORTCUTS, 19)


def _listing(heading: str, rows: Sequence[Row], width: int) -> str:
    lines = [f"  {name:<{width}} {meaning}".rstrip() for name, meaning in rows]
    return "\n".join((heading, *lines, "", ""))
