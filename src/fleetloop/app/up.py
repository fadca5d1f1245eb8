"""`fleetloop up`: one process that migrates, listens and ends cleanly."""

import asyncio
import logging
import signal
from collections.abc import Callable
from pathlib import Path

from granian.constants import HTTPModes, Interfaces, SSLProtocols
from granian.server.embed import Server as Granian

from fleetloop.access import first_admin
from fleetloop.app.backup import save
from fleetloop.app.certificate import files
from fleetloop.app.lock import alone
from fleetloop.app.port import check_port
from fleetloop.app.schema import migrate
from fleetloop.app.serve import Server
from fleetloop.app.settings import ServerSettings
from fleetloop.app.wiring import build

log = logging.getLogger("fleetloop")


async def up(settings: ServerSettings, note: Callable[[str], None]) -> int:
    """Serve until SIGINT or SIGTERM. Returns the exit code."""
    logging.basicConfig(level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    here = Path(settings.dir)
    here.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240  nothing is served yet
    with alone(here):
        check_port(settings.host, settings.port)
        migrate(settings.url, lambda why: note(f"backup: {save(settings, here / 'backups' / f'{why}.tar')}"))
        server = Server(build(settings))
        await server.start()
        _welcome(settings, note, await server.rooms.db.write(lambda tx: first_admin(tx, "admin")))
        try:
            await _serve(server, settings)
        finally:
            await server.stop()
    return 0


async def _serve(server: Server, settings: ServerSettings) -> None:
    pair = files(settings.tls, Path(settings.dir), settings.host)
    granian = Granian(
        server,
        settings.host,
        settings.port,
        interface=Interfaces.ASGINL,
        http=HTTPModes.http1,
        websockets=False,
        log_level="warning",  # pyright: ignore[reportArgumentType]  the library's own enum lies in a private module
        ssl_cert=pair[0] if pair else None,
        ssl_key=pair[1] if pair else None,
        ssl_protocol_min=SSLProtocols.tls12,
        backlog=1024,
    )
    logging.getLogger("_granian").addFilter(_worth_telling)
    loop = asyncio.get_running_loop()

    def end() -> None:
        server.rooms.live.close()  # open streams would keep the server waiting
        granian.stop()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end)
    check_port(settings.host, settings.port)  # again: another server may have started together with this one
    await granian.serve()


def _worth_telling(record: logging.LogRecord) -> bool:
    """That the library calls this way of starting it experimental is known, and nothing that an operator can act on."""
    return "is experimental" not in record.getMessage()


def _welcome(settings: ServerSettings, note: Callable[[str], None], password: str | None) -> None:
    note(f"Fleetloop serves {settings.base} from {Path(settings.dir).absolute()}")
    if password:
        note(f"First administrator: admin, password {password} (told this once)")
        note(f"Log in: fleetloop login --server {settings.base} --name admin")
    if settings.tls == "self":
        certificate = Path(settings.dir, "tls", "self.crt").absolute()
        note(f"Trust its certificate, here or where it was copied to: export FLEETLOOP_CA={certificate}")
