"""What a person is told who must sign in first."""

from tampu.terminal.console import Console

FOR_CLOUD_MODELS = "You need to be signed in to Ollama to run Cloud models.\n\n"


def tell_where_to_sign_in(console: Console, url: str) -> None:
    """The address to open, where the server gave one."""
    if url:
        console.write(f"If your browser did not open, navigate to:\n    {url}\n\n")
