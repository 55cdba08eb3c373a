"""`signin`: tells who is signed in at the server, or where to do it."""

from tampu.cli.command import command
from tampu.cli.invocation import Invocation
from tampu.cli.sign_in_hints import FOR_CLOUD_MODELS, tell_where_to_sign_in
from tampu.errors import SignInRequired


@command("signin", variables=(), help="Sign in to ollama.com")
def command_line(invocation: Invocation, words: tuple[str, ...]) -> None:  # noqa: ARG001  # takes none
    """Say who is signed in at the server or, where nobody is, which page to open."""
    console = invocation.console
    try:
        name = invocation.client.user_name()
    except SignInRequired as error:
        console.write(FOR_CLOUD_MODELS)
        tell_where_to_sign_in(console, error.url)
        return
    if name:
        console.show(f"You are already signed in as user '{name}'\n\n")
