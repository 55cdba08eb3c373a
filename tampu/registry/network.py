"""What the settings say of the network that models come over, and the trust in certificates that follows."""

import ssl
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tampu.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Network:
    """`ca_file`: authorities to trust besides the system's. `allows_lan`: redirects may lead to private addresses."""

    ca_file: Path | None = None
    allows_lan: bool = False


@cache
def trusted_authorities(ca_file: Path | None) -> ssl.SSLContext:
    """The certificate authorities; reading them takes tens of milliseconds, so once. Raises ConfigError."""
    context = ssl.create_default_context()
    if ca_file is not None:
        try:
            context.load_verify_locations(ca_file)
        except (OSError, ssl.SSLError):
            raise ConfigError("TAMPU_CA_FILE: its certificates cannot be read") from None
    return context
