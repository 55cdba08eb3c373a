"""Where a model lives."""

from dataclasses import dataclass
from typing import Self

from yarl import URL

from tampu.errors import InvalidName
from tampu.names import ModelName


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a model lives: a registry and a repository in it."""

    base: URL
    repository: str

    @classmethod
    def of(cls, name: ModelName, *, insecure: bool) -> Self:
        """The endpoint that `name` stands for; raises InvalidName for a host that is none."""
        scheme = "http" if insecure else "https"
        try:
            return cls(URL(f"{scheme}://{name.host}"), f"{name.namespace}/{name.model}")
        except ValueError:
            raise InvalidName(name.full) from None

    @property
    def authority(self) -> str:
        """Host and, where the name has one, port."""
        return self.base.host_port_subcomponent or ""

    @property
    def is_insecure(self) -> bool:
        """Whether the user allowed plain http."""
        return self.base.scheme == "http"

    def url(self, path: str) -> URL:
        """The address of something in the repository."""
        return self.base / "v2" / self.repository / path
