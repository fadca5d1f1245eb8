"""Whether a server could listen there: the HTTP server itself would share a port that is taken, and say nothing."""

import errno
import socket

from fleetloop.core.errors import ConflictError, InputError

MOST = 65_535


def check_port(host: str, port: int) -> None:
    """Raises `ConflictError` if somebody listens there, `InputError` if nobody can."""
    if not 0 <= port <= MOST:
        raise InputError(f"the port is {port}; expected 0 to {MOST}")
    try:
        family, kind, number, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, number) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # half closed is no hindrance
            probe.bind(address)
    except OSError as e:
        if e.errno == errno.EADDRINUSE:
            raise ConflictError(f"port {port} is in use on {host}; choose another with --port") from e
        raise InputError(f"nobody can listen on {host}, port {port}: {e.strerror}; see --host and --port") from e
