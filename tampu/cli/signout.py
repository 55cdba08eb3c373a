"""`signout`: makes the server forget who is signed in."""

from tampu.cli.command import command
from tampu.cli.invocation import Invocation
from tampu.errors import SignInRequired


@command("signout", variables=(), help="Sign out from ollama.com")
def command_line(invocation: Invocation, words: tuple[str, ...]) -> None:  # noqa: ARG001  # takes none
    """Sign out; to have been signed out already is no error."""
    try:
        invocation.client.sign_out()
    except SignInRequired:
        invocation.console.write("You are not signed in to ollama.com\n\n")
    else:
        invocation.console.write("You have signed out of ollama.com\n\n")
