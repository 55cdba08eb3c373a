"""What the server says of its models: entries of lists, full descriptions, and what is loaded."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from tampu.generation import Capability
from tampu.messages import Message


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelDetails:
    """The short facts. `parameter_size` and `quantization_level` are labels (`8.0B`, `Q4_K_M`).

    `context_length` counts tokens, `embedding_length` the numbers of a vector; 0 where unknown.
    """

    parent_model: str = ""
    format: str = ""
    family: str = ""
    families: tuple[str, ...] | None = None
    parameter_size: str = ""
    quantization_level: str = ""
    context_length: int = 0
    embedding_length: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSummary:
    """One stored model in a list. `digest`: hex sha256 of the manifest; `modified_ns`: since the epoch."""

    name: str
    digest: str
    size_bytes: int
    modified_ns: int
    details: ModelDetails
    capabilities: tuple[Capability, ...] = ()
    remote_model: str = ""
    remote_host: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedModel:
    """One resident model. `expires_ns`: since the epoch, None for never; `note`: what its user should know, or ""."""

    name: str
    digest: str
    size_bytes: int
    gpu_bytes: int
    context_length: int
    expires_ns: int | None
    details: ModelDetails
    note: str = ""


@dataclass(frozen=True, slots=True)
class TensorDescription:
    """A tensor's name, type label and shape (fastest dimension first, as GGUF writes it)."""

    name: str
    type: str
    shape: tuple[int, ...]


class RequestState(Enum):
    """What a request for a model does: its model is being loaded, it waits its turn, or it is being answered."""

    LOADING = "loading"
    WAITING = "waiting"
    RUNNING = "running"


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a request has come. `position`: its place, from 1, among those that wait for the same; 0: none."""

    request_id: str
    model: str
    state: RequestState
    position: int = 0


@dataclass(frozen=True, slots=True)
class QueuedRequest:
    """A request that is under way: where it stands, whose it is, and since when (nanoseconds since the epoch)."""

    standing: Standing
    client: str
    since_ns: int


class OriginKind(Enum):
    """What kind of place a model came from."""

    REGISTRY = "registry"
    MIRROR = "mirror"
    PACKAGE = "package"
    URL = "url"
    FOLDER = "folder"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a model came from: a host, a Python package with its version, an address, the name of a folder."""

    kind: OriginKind
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelDescription:
    """All that `show` tells. `model_info`: GGUF metadata with the original keys; arrays are None unless asked for."""

    name: str
    modified_ns: int
    details: ModelDetails
    capabilities: tuple[Capability, ...] = ()
    license: str = ""
    modelfile: str = ""
    parameters: str = ""
    template: str = ""
    system: str = ""
    messages: tuple[Message, ...] = ()
    model_info: Mapping[str, object] = field(default_factory=dict)
    projector_info: Mapping[str, object] = field(default_factory=dict)
    tensors: tuple[TensorDescription, ...] = ()
    remote_model: str = ""
    remote_host: str = ""
    requires: str = ""
    origin: Origin | None = None
    """None for a model that was made here, and where nobody knows."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A model that the catalog knows how to get: the first of its names, and the bytes of its weights."""

    name: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Room:
    """Bytes of memory, and those that nobody uses now."""

    total_bytes: int = 0
    available_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Offers:
    """What can be got by a short name, and the memory of this machine that it has to fit into.

    `devices`: what graphics cards hold besides `memory`.
    """

    models: tuple[Offer, ...]
    memory: Room
    devices: Room = Room()
