"""How the server is set up: flag, then environment, then the project's and the person's file, then default.

``fleetloop config show`` prints each value and where it came from. Secrets come by environment, file or stdin only.
"""

import dataclasses
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_type_hints

from fleetloop.core.config import ConfigError, build, from_environment, parse, read
from fleetloop.core.errors import InputError

ANY = ("0.0.0.0", "::")  # noqa: S104  named, not listened on
LOOPBACK = ("127.0.0.1", "::1", "localhost")


class UnsafeAddressError(InputError):
    """Passwords and tokens would travel in the clear."""

    code = "unsafe-address"


@dataclasses.dataclass(frozen=True)
class ServerSettings:
    """``fleetloop up``. Paths are relative to the folder it is started in."""

    dir: str = "fleetloop-data"
    """Where database, artifacts, backups and self-made certificates lie."""
    database: str = ""
    """`postgresql+psycopg://…`; empty: SQLite in ``dir``."""
    host: str = "127.0.0.1"
    port: int = 8480
    tls: str = ""
    """``self`` makes a certificate; ``CERT,KEY`` names two PEM files; empty: plain HTTP."""
    behind_proxy: bool = False
    """A proxy ends TLS and sets `X-Forwarded-Proto`, `X-Forwarded-Host` and `X-Forwarded-For`."""
    poll_s: int = 300
    """What devices of a product without a period of its own are told to wait."""
    stepped: bool = False
    """The serving clock is moved by a conductor on loopback; for demo and tests."""
    start_at: float = 0.0
    """First instant of a stepped clock in a new folder, seconds since 1970."""
    log_level: str = "info"

    @property
    def url(self) -> str:
        """The database's address."""
        return self.database or f"sqlite:///{Path(self.dir, 'fleetloop.db').absolute()}"

    @property
    def base(self) -> str:
        """The address people type, for what is printed."""
        host = _name_here() if self.host in ANY else self.host
        return f"{'https' if self.tls else 'http'}://{f'[{host}]' if ':' in host else host}:{self.port}"


def _name_here() -> str:
    """This machine's name, if it leads anywhere."""
    try:
        socket.getaddrinfo(socket.gethostname(), None)
    except OSError:
        return "127.0.0.1"
    return socket.gethostname()


@dataclasses.dataclass(frozen=True)
class Origin:
    """One setting: its value, and where that came from."""

    key: str
    value: object
    origin: str


def resolve(
    flags: Mapping[str, Any], environment: Mapping[str, str] | None = None
) -> tuple[ServerSettings, list[Origin]]:
    """All settings with their origins. Raises `ConfigError` (unknown key), `UnsafeAddressError` (bare address)."""
    found: dict[str, tuple[Any, str]] = {f.name: (f.default, "default") for f in dataclasses.fields(ServerSettings)}
    env = os.environ if environment is None else environment
    for path in (_own_file(env), Path("fleetloop-server.toml")):
        if path.is_file():
            document = read(path)
            build(ServerSettings, document)
            found |= {k.replace("-", "_"): (v, str(path)) for k, v in document.values.items()}
    for key, text in from_environment("FLEETLOOP_", env):
        if (name := key.replace("-", "_")) in found:
            found[name] = (_typed(name, text), f"FLEETLOOP_{name.upper()}")
    found |= {k: (v, "flag") for k, v in flags.items() if v is not None}
    settings = ServerSettings(**{k: v for k, (v, _) in found.items()})
    check(settings)
    return settings, [Origin(k.replace("_", "-"), v, where) for k, (v, where) in found.items()]


def _own_file(env: Mapping[str, str]) -> Path:
    return Path(env.get("XDG_CONFIG_HOME") or str(Path.home() / ".config"), "fleetloop", "config.toml")


def _typed(name: str, text: str) -> Any:
    kind = get_type_hints(ServerSettings)[name]
    quoted = text if kind in (int, float, bool) else f'"""{text}"""'
    try:
        key = name.replace("_", "-")
        return getattr(build(ServerSettings, parse(f"{key} = {quoted}", "environment")), name)
    except ConfigError as e:
        raise ConfigError(f"FLEETLOOP_{name.upper()} is {text!r}; expected {kind.__name__}") from e


def check(settings: ServerSettings) -> None:
    """Refuse to send secrets in the clear, with the line to add."""
    if settings.stepped and settings.host not in LOOPBACK:
        raise UnsafeAddressError("a stepped clock is for demo and tests on this machine: leave --host at 127.0.0.1")
    if settings.host in LOOPBACK or settings.tls or settings.behind_proxy:
        return
    raise UnsafeAddressError(
        f"{settings.host} can be reached from outside; without TLS every password and token could be read on the way; "
        "add --tls self (makes a certificate), --tls CERT,KEY, or --behind-proxy if a proxy ends TLS"
    )
