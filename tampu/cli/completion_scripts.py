"""The scripts that complete command lines in bash, zsh and fish.

None starts a server, and none lets the shell expand what a server says a model is called.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

MODELS: Final = "@models"
FOLDERS: Final = "@folders"


@dataclass(frozen=True, slots=True)
class Line:
    """One command: its names, the first being the usual one; flags with what they mean; what its words are.

    `words`: MODELS, FOLDERS, or the words themselves with blanks between them.
    """

    names: tuple[str, ...]
    summary: str
    flags: tuple[tuple[str, str], ...]
    words: str


_BASH: Final = """\
# Completes @program@ in bash: source <(@program@ completion bash)
_@name@_words() {
    local word
    case "$1" in
        @models) TAMPU_AUTOSTART=0 @program@ list 2>/dev/null | while read -r word _; do
            [[ "$word" == NAME ]] || printf '%s\\n' "$word"
        done ;;
        @folders) compgen -d -- "$2" ;;
        *) for word in $1; do printf '%s\\n' "$word"; done ;;
    esac
}
_@name@() {
    local line="${COMP_LINE:0:COMP_POINT}" command="" flags="" words="" word
    local current="${line##*[[:space:]]}" before=""
    local -a typed
    read -ra typed <<< "${line%"$current"}"
    for word in "${typed[@]:1}"; do
        case "$word" in
            -*) ;;
            *) command="$word"; break ;;
        esac
    done
    case "$command" in
        "") flags="--help --version" words="@commands@" ;;
@cases@
    esac
    [[ "$current" == -* ]] && words="$flags"
    # Readline breaks words at colons, which names of models have.
    [[ "$COMP_WORDBREAKS" == *:* ]] && before="${current%"${current##*:}"}"
    COMPREPLY=()
    while IFS= read -r word; do
        [[ "$word" == "$current"* ]] && COMPREPLY+=("${word#"$before"}")
    done < <(_@name@_words "$words" "$current")
}
complete -o bashdefault -o default -F _@name@ @program@
"""

_ZSH: Final = """\
#compdef @program@
# Completes @program@ in zsh: source <(@program@ completion zsh)
_@name@() {
    local command="" kind="" word
    local -a flags found
    for word in "${(@)words[2,CURRENT-1]}"; do
        case "$word" in
            -*) ;;
            *) command="$word"; break ;;
        esac
    done
    case "$command" in
        "") found=(@commands@); flags=('--help:Show help' '--version:Show version information')
            if [[ "$PREFIX" != -* ]]; then
                _describe command found
                return
            fi ;;
@cases@
    esac
    if [[ "$PREFIX" == -* ]]; then
        _describe flag flags
        return
    fi
    case "$kind" in
        @models) found=("${(@f)$(TAMPU_AUTOSTART=0 @program@ list 2>/dev/null | tail -n +2 | cut -d ' ' -f 1)}")
            compadd -- "${(@)found}" ;;
        @folders) _files -/ ;;
        "") _files ;;
        *) compadd -- ${=kind} ;;
    esac
}
if [[ "$funcstack[1]" == "_@name@" ]]; then
    _@name@ "$@"
else
    compdef _@name@ @program@
fi
"""

_FISH: Final = """\
# Completes @program@ in fish: @program@ completion fish | source
function __@name@_models
    env TAMPU_AUTOSTART=0 @program@ list 2>/dev/null | tail -n +2 | string replace -r ' .*' ''
end
complete -c @program@ -f
complete -c @program@ -n __fish_use_subcommand -l version -d 'Show version information'
@cases@
"""


def bash_script(program: str, lines: Sequence[Line]) -> str:
    """The script for bash 3.2 and later."""
    cases = [
        f'        {"|".join(line.names)}) flags="{" ".join(name for name, _ in line.flags)}" words="{line.words}" ;;'
        for line in lines
    ]
    return _filled(_BASH, program, cases, commands=" ".join(line.names[0] for line in lines))


def zsh_script(program: str, lines: Sequence[Line]) -> str:
    """The script for zsh, to source or to put into a folder of `$fpath`."""
    cases = [
        f"        {'|'.join(line.names)}) flags=({' '.join(_quoted(f'{name}:{told}') for name, told in line.flags)})"
        f" kind='{line.words}' ;;"
        for line in lines
    ]
    commands = " ".join(_quoted(f"{line.names[0]}:{line.summary}") for line in lines)
    return _filled(_ZSH, program, cases, commands=commands)


def fish_script(program: str, lines: Sequence[Line]) -> str:
    """The script for fish 3 and later."""
    told = []
    for line in lines:
        told.append(f"complete -c @program@ -n __fish_use_subcommand -a {line.names[0]} -d {_quoted(line.summary)}")
        seen = f"complete -c @program@ -n '__fish_seen_subcommand_from {' '.join(line.names)}'"
        told += [f"{seen} -l {name.removeprefix('--')} -d {_quoted(meaning)}" for name, meaning in line.flags]
        if line.words:
            words = {MODELS: "(__@name@_models)", FOLDERS: "(__fish_complete_directories)"}.get(line.words, line.words)
            told.append(f"{seen} -a '{words}'")
    return _filled(_FISH, program, told)


def _quoted(text: str) -> str:
    """`text` as one word of a shell; fish and the others agree on these quotes."""
    return "'" + text.replace("'", "'\\''") + "'"


def _filled(template: str, program: str, cases: Sequence[str], *, commands: str = "") -> str:
    places = {"cases": "\n".join(cases), "commands": commands}
    text = re.sub("@(cases|commands)@", lambda found: places[found[1]], template)
    return text.replace("@program@", program).replace("@name@", re.sub(r"\W", "_", program))
