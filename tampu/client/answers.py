"""What a server answers, as types. Absent and unknown fields do no harm: other versions have others."""

from typing import Any

import msgspec

from tampu.messages import Message, ToolCall


class Details(msgspec.Struct, omit_defaults=True):
    """The short facts of a model."""

    parent_model: str = ""
    format: str = ""
    family: str = ""
    families: list[str] = []
    parameter_size: str = ""
    quantization_level: str = ""
    context_length: int = 0
    embedding_length: int = 0


class ListedModel(msgspec.Struct, omit_defaults=True):
    """One row of `/api/tags`."""

    name: str = ""
    model: str = ""
    modified_at: str = ""
    size: int = 0
    digest: str = ""
    details: Details = msgspec.field(default_factory=Details)
    capabilities: list[str] = []
    remote_model: str = ""
    remote_host: str = ""


class LoadedModel(msgspec.Struct):
    """One row of `/api/ps`."""

    name: str = ""
    model: str = ""
    size: int = 0
    size_vram: int = 0
    digest: str = ""
    details: Details = msgspec.field(default_factory=Details)
    expires_at: str = ""
    context_length: int = 0
    note: str = ""


class QueuedRequest(msgspec.Struct):
    """One row of `/api/queue`."""

    id: str = ""
    model: str = ""
    state: str = ""
    position: int = 0
    since: str = ""
    client: str = ""


class FoundEngine(msgspec.Struct, omit_defaults=True):
    """One row of `/api/engines`."""

    name: str = ""
    origin: str = ""
    version: str = ""
    features: list[str] = []
    used: bool = False
    path: str = ""
    problem: str = ""
    why: str = ""


class Tensor(msgspec.Struct):
    """One tensor of a model."""

    name: str = ""
    type: str = ""
    shape: list[int] = []


class Origin(msgspec.Struct):
    """Where a model came from. `kind`: registry, mirror, package, url or folder."""

    kind: str = ""
    place: str = ""


class Description(msgspec.Struct, omit_defaults=True):
    """The answer of `/api/show`."""

    license: str = ""
    modelfile: str = ""
    parameters: str = ""
    template: str = ""
    system: str = ""
    details: Details = msgspec.field(default_factory=Details)
    messages: list[Message] = []
    model_info: dict[str, Any] = {}
    projector_info: dict[str, Any] = {}
    tensors: list[Tensor] = []
    capabilities: list[str] = []
    modified_at: str = ""
    remote_model: str = ""
    remote_host: str = ""
    requires: str = ""
    origin: Origin | None = None

    @property
    def can_think(self) -> bool:
        """Whether the model tells its thoughts apart."""
        return "thinking" in self.capabilities


class ChatPart(msgspec.Struct):
    """The message of one piece of a chat."""

    role: str = "assistant"
    content: str = ""
    thinking: str = ""
    tool_calls: list[ToolCall] = []


class PromptRead(msgspec.Struct):
    """How far a prompt is read, in tokens; those that were known from before are among `processed`."""

    prompt_tokens: int = 0
    processed: int = 0
    cached: int = 0


class Piece(msgspec.Struct):
    """One piece of an answer, of `/api/generate` or `/api/chat`. Times are nanoseconds."""

    response: str = ""
    thinking: str = ""
    tool_calls: list[ToolCall] = []
    message: ChatPart = msgspec.field(default_factory=ChatPart)
    progress: PromptRead | None = None
    done: bool = False
    done_reason: str = ""
    total_duration: int = 0
    load_duration: int = 0
    prompt_eval_count: int = 0
    prompt_eval_duration: int = 0
    eval_count: int = 0
    eval_duration: int = 0


class Report(msgspec.Struct):
    """One report of a pull, push or create. With a digest it counts bytes of that layer."""

    status: str = ""
    digest: str = ""
    total: int = 0
    completed: int = 0


class Damage(msgspec.Struct):
    """A blob or, with no digest, a manifest that is not what it should be, and the models that suffer."""

    digest: str = ""
    problem: str = ""
    models: list[str] = []


class Verified(Report):
    """A report of a verification; the last one holds what was found."""

    blobs: int = 0
    bytes: int = 0
    damages: list[Damage] = []


class Finding(msgspec.Struct):
    """One thing that an examination found. `verdict`: ok, note or problem."""

    topic: str = ""
    verdict: str = ""
    text: str = ""
    advice: str = ""


class Unfinished(msgspec.Struct):
    """A download that was begun. `size` 0 and `model` "": not known."""

    model: str = ""
    digest: str = ""
    size: int = 0
    completed: int = 0
    modified_at: str = ""
    running: bool = False


class Offer(msgspec.Struct):
    """A model that can be got by its short name."""

    name: str = ""
    size: int = 0


class RoomForModels(msgspec.Struct):
    """Bytes of memory on the server's machine, and those that nobody uses now."""

    total: int = 0
    available: int = 0


class Offers(msgspec.Struct):
    """The answer of `/api/catalog`. `devices`: what graphics cards hold besides `memory`."""

    models: list[Offer] = []
    memory: RoomForModels = msgspec.field(default_factory=RoomForModels)
    devices: RoomForModels = msgspec.field(default_factory=RoomForModels)

    @property
    def room(self) -> RoomForModels:
        """All that a model may be spread over."""
        return RoomForModels(self.memory.total + self.devices.total, self.memory.available + self.devices.available)


class Leftover(msgspec.Struct):
    """A file that no model uses. `bytes`: what its removal frees."""

    name: str = ""
    kind: str = ""
    bytes: int = 0


class Purged(Report):
    """A report of a purge; the last one holds what went, or would go."""

    bytes: int = 0
    files: list[Leftover] = []


class Tried(msgspec.Struct, omit_defaults=True):
    """One value that was measured by a tuning."""

    what: str = ""
    value: str = ""
    gain: float = 0.0
    kept: bool = False
    problem: str = ""


class Tuned(Report):
    """A report of a tuning; the last one tells what was found."""

    tried: list[Tried] = []
    values: dict[str, str] = {}
