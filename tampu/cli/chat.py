"""`chat`: what `run` does, under the name that says what it is for."""

from tampu.cli import run
from tampu.cli.command import command
from tampu.cli.grammar import at_least
from tampu.cli.help import RUN_VARIABLES

command_line = command(
    "chat", takes="MODEL [PROMPT]", words=at_least(1), variables=RUN_VARIABLES, help="Chat with a model"
)(run.command_line.function)
