import socket

import pytest

from fleetloop.app.port import check_port
from fleetloop.core.errors import ConflictError, InputError


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_a_port_is_for_one_though_its_holder_would_share_it(host: str) -> None:
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        holder.bind(("127.0.0.1", 0))
        port = holder.getsockname()[1]
        holder.listen()
        with pytest.raises(ConflictError, match=f"port {port} is in use on {host}; choose another with --port"):
            check_port(host, port)
    check_port(host, port)


def test_a_port_can_be_listened_on_again_at_once() -> None:
    """The side that closes first keeps the port a while (TIME_WAIT)."""
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        host, port = holder.getsockname()
        holder.listen()
        with socket.create_connection((host, port)) as there:
            here, _ = holder.accept()
            here.close()
            there.recv(1)
    check_port(host, port)


@pytest.mark.parametrize(("host", "port"), [("127.0.0.1", 99_999), ("192.0.2.7", 8480)])
def test_where_nobody_can_listen(host: str, port: int) -> None:
    with pytest.raises(InputError, match=str(port)):
        check_port(host, port)


def test_any_port() -> None:
    check_port("127.0.0.1", 0)
