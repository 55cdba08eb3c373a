"""Every error that Tampu raises on purpose, as one tree.

TampuError                       500
  BadRequest                     400   the caller's request cannot be honoured as written
    InvalidName                        a model name that the grammar does not allow
    InvalidParameter                   an option or field with a wrong type or value
    AddressedPicture                   a picture named by its address, where nothing may be fetched
    InvalidOutputFormat                a format that is neither "json" nor a schema
    InvalidTemplate                    a template that does not parse
    InvalidModelfile                   a Modelfile that does not parse; knows the line
    InvalidModelFile                   a weights file that is no sound GGUF
    MissingCapability                  the model cannot do what is asked (tools, thinking, insert ...)
    PromptTooLong                      more tokens than the context holds; knows both counts
    PreviousResponseNotFound           the response that a request goes on from is not kept
  Unauthorized                   401
  Forbidden                      403
  NotFound                       404
    ModelNotFound                      no manifest of that name
    BlobNotFound                       no blob of that digest
    ResponseNotFound                   no response of that id is kept
  Overloaded                     503
    QueueFull                          too many requests wait for a model
  RequestCanceled                499   somebody ended the request by its id
  EngineError                    500   the engine, not the caller, failed
    EngineStartFailed                  the child did not become ready; knows the end of its log
    EngineBuildFailed                  no engine could be made of the source
    EngineOutOfMemory                  the model does not fit
    EngineCrashed                      the child died while it worked
    EngineRefused                      the engine answered with an error; knows its status and text
  TemplateFailed                 500   a stored template failed while it ran
    TemplateTooCostly            400   it took more than a prompt may; names what of
  UnknownFormat                  500   a stored model names a renderer or parser that nobody knows
  RegistryError                  502   the other side of a download failed
    RegistryUnreachable
    RegistryDenied
    RegistryNotFound                   the registry has no such model
    DigestMismatch                     downloaded bytes are not what their name says
  StoreError                     500   the folder on disk failed
    CorruptBlob
    CorruptManifest
    DiskFull
  ConfigError                          a setting has an impossible value; exit code 2
  ListenFailed                         the server's address is taken or not this machine's
  ServerUnreachable                    (client) nothing answers at OLLAMA_HOST
  ServerError                          (client) the server answered with an error
    SignInRequired                     (client) the server wants a signed-in user

Each class carries the HTTP status that any dialect starts from. Texts are lower-case, have no full stop, and say
what happened, to what, and what to do next. Cancellation is not an error and is not in the tree.
"""

from collections.abc import Sequence


class TampuError(Exception):
    """Base of the tree; raised itself only where no class below fits."""

    status: int = 500

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class BadRequest(TampuError):
    """The request cannot be honoured as written; the caller must change it."""

    status = 400


class InvalidName(BadRequest):
    """A model name that the name grammar does not allow."""

    def __init__(self, name: str, message: str = "invalid model name") -> None:
        super().__init__(message)
        self.name = name


class InvalidParameter(BadRequest):
    """An option or field whose value has a wrong type or is out of range."""


class AddressedPicture(BadRequest):
    """A picture that is named by its address, where nothing may be fetched."""

    def __init__(self) -> None:
        super().__init__("image URLs are not currently supported, please use base64 encoded data instead")


class InvalidOutputFormat(BadRequest):
    """An output format that is neither "json" nor a schema."""


class InvalidTemplate(BadRequest):
    """A prompt template that does not parse."""


class InvalidModelfile(BadRequest):
    """A Modelfile that does not parse; `line` counts from 1, None where no line can be named."""

    def __init__(self, message: str, *, line: int | None = None) -> None:
        super().__init__(message if line is None else f"(line {line}): {message}")
        self.line = line


class InvalidModelFile(BadRequest):
    """A weights file that is no sound GGUF, or not of a kind that can be used so."""


class MissingCapability(BadRequest):
    """The model cannot do what the request asks of it."""

    def __init__(self, message: str, *, capability: str) -> None:
        super().__init__(message)
        self.capability = capability


class PromptTooLong(BadRequest):
    """The prompt has more tokens than the context can hold."""

    def __init__(self, message: str, *, tokens: int | None = None, limit: int | None = None) -> None:
        super().__init__(message)
        self.tokens, self.limit = tokens, limit


class PreviousResponseNotFound(BadRequest):
    """The response that a request goes on from is not kept, or not any more."""

    def __init__(self, response_id: str) -> None:
        super().__init__(
            f"Previous response with id '{response_id}' not found; it was never kept, or its time is over. "
            "Send the conversation so far as input instead"
        )
        self.response_id = response_id


class Unauthorized(TampuError):
    """No key, or one that is not known."""

    status = 401


class Forbidden(TampuError):
    """A known caller that may not do this."""

    status = 403


class NotFound(TampuError):
    """What the request names does not exist."""

    status = 404


class ModelNotFound(NotFound):
    """No model of that name is stored; `name` is as the caller wrote it."""

    def __init__(self, name: str, message: str | None = None) -> None:
        super().__init__(message or f"model '{name}' not found")
        self.name = name


class BlobNotFound(NotFound):
    """No blob of that digest is stored."""

    def __init__(self, digest: str) -> None:
        super().__init__(f'blob "{digest}" not found')
        self.digest = digest


class ResponseNotFound(NotFound):
    """No response of that id is kept."""

    def __init__(self, response_id: str) -> None:
        super().__init__(f"Response with id '{response_id}' not found")
        self.response_id = response_id


class Overloaded(TampuError):
    """The server has more to do than it accepts; trying again later helps."""

    status = 503
    retry_after_s: int = 5
    """When that may help: a place falls free with every answer, and a server that restarts is soon back."""


class QueueFull(Overloaded):
    """As many requests wait for a model to load as the settings allow."""

    def __init__(self) -> None:
        # Two blanks: clients match on Ollama's text.
        super().__init__("server busy, please try again.  maximum pending requests exceeded")


class RequestCanceled(TampuError):
    """Somebody took the request out of the queue by its id."""

    status = 499

    def __init__(self) -> None:
        super().__init__("request canceled: it was taken out of the queue")


class EngineError(TampuError):
    """The engine process failed; the caller did nothing wrong."""


class EngineStartFailed(EngineError):
    """The engine did not become ready; `log_tail` is the end of what it wrote, `was_ended`: by somebody else."""

    def __init__(self, message: str, *, log_tail: str = "", was_ended: bool = False) -> None:
        super().__init__(message)
        self.log_tail, self.was_ended = log_tail, was_ended


class EngineBuildFailed(EngineError):
    """An engine could not be built here."""


class EngineOutOfMemory(EngineError):
    """The model does not fit into the memory that is free."""


class EngineCrashed(EngineError):
    """The engine process died while it worked; `exit_code` is negative for a signal, None if unknown."""

    def __init__(self, message: str, *, exit_code: int | None = None) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class EngineRefused(EngineError):
    """The engine answered with an error; its status is ours where it blames the caller."""

    def __init__(self, status: int, body: str) -> None:
        super().__init__(body)
        self.status = status
        self.body = body


class TemplateFailed(TampuError):
    """A template parsed but failed while it was executed."""


class UnknownFormat(TampuError):
    """A model names a `kind` ("renderer", "parser") that this version does not have."""

    def __init__(self, kind: str, name: str, *, known: Sequence[str]) -> None:
        super().__init__(f'unknown {kind} "{name}"; this version knows {", ".join(known)}')
        self.kind, self.name = kind, name


class TemplateTooCostly(TemplateFailed):
    """A template took more steps, text or depth than a prompt may."""

    status = 400


class RegistryError(TampuError):
    """The other side of a download or upload failed."""

    status = 502


class RegistryUnreachable(RegistryError):
    """No connection, or none that answered in time."""


class RegistryDenied(RegistryError):
    """The registry refuses this caller."""


class RegistryNotFound(RegistryError):
    """The registry has no such model or blob."""


class DigestMismatch(RegistryError):
    """Bytes that are not what their digest says; nothing of them is kept under that name."""

    def __init__(self, message: str, *, wanted: str, got: str) -> None:
        super().__init__(message)
        self.wanted, self.got = wanted, got


class StoreError(TampuError):
    """The models folder could not be read or written."""


class CorruptBlob(StoreError):
    """A stored blob is not what its name says, or is cut."""


class CorruptManifest(StoreError):
    """A stored manifest or config cannot be read."""


class DiskFull(StoreError):
    """No room is left on the device of the models folder."""


class ConfigError(TampuError):
    """A setting has an impossible value; the message names the key and the value."""


class ListenFailed(TampuError):
    """The server could not listen at its address."""


class ServerUnreachable(TampuError):
    """(client) Nothing answers at the address of the server."""


class ServerError(TampuError):
    """(client) The server answered with an error; `status` is its HTTP status, 200 inside a stream."""

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


class SignInRequired(ServerError):
    """(client) The server answered 401; `url` is where a person can sign in, "" where it did not say."""

    def __init__(self, message: str, *, url: str = "") -> None:
        super().__init__(message, status=401)
        self.url = url
