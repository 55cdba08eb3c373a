"""`push`: sends a model to its registry."""

from tampu.cli.command import command
from tampu.cli.grammar import exactly, flag
from tampu.cli.invocation import Invocation
from tampu.cli.registry_hints import with_hint
from tampu.cli.sign_in_hints import tell_where_to_sign_in
from tampu.errors import ServerError, SignInRequired
from tampu.names import DEFAULT_TAG, ModelName
from tampu.terminal.progress import Progress, follow


@command("push", takes="MODEL", words=exactly(1), help="Push a model to a registry")
@flag("--insecure", help="Use an insecure registry")
def command_line(invocation: Invocation, words: tuple[str, ...], insecure: bool) -> None:
    """Send, and say where the model is to be found."""
    (model,) = words
    console, client, name = invocation.console, invocation.client, ModelName.parse(model)
    is_ollamas = name.host.endswith((".ollama.ai", ".ollama.com"))
    if is_ollamas:
        try:
            client.user_name()
        except SignInRequired as error:
            console.write("You need to be signed in to push models to ollama.com.\n\n")
            tell_where_to_sign_in(console, error.url)
            return
    try:
        with Progress(console) as progress:
            follow(progress, client.push(model, insecure=insecure))
    except ServerError as error:
        raise _in_plain_words(error) from None
    where = f"https://ollama.com/{name.short.removesuffix(f':{DEFAULT_TAG}')}" if is_ollamas else name.full
    console.write(f"\nYou can find your model at:\n\n\t{where}\n")


def _in_plain_words(error: ServerError) -> ServerError:
    told = error.message.lower()
    if "access denied" not in told and "unauthorized" not in told:
        return with_hint(error)
    text = "you are not authorized to push to this namespace, create the model under a namespace you own"
    return ServerError(text, status=error.status)
