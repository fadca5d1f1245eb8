"""A real granian server in this process, so that a test can look into its house."""

import asyncio
import socket
import threading
import time
from typing import Any

from granian.constants import Interfaces
from granian.server.embed import Server


class Live:
    """``with Live(app) as url``."""

    def __init__(self, app: Any) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._app = app
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._server = Server(
            self._app, port=self.port, interface=Interfaces.ASGINL, websockets=False, log_enabled=False
        )
        self._ready.set()
        await self._server.serve()

    def __enter__(self) -> str:
        self._thread.start()
        self._ready.wait(10)
        for _ in range(200):
            try:
                self.connect().close()
                break
            except OSError:
                time.sleep(0.02)
        return f"http://127.0.0.1:{self.port}"

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._server.stop)
        self._thread.join(10)

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=5)

    def talk(self, *pieces: bytes, shut: bool = False) -> bytes:
        """Send raw bytes, read until the server closes or says nothing for half a second."""
        with self.connect() as line:
            for piece in pieces:
                line.sendall(piece)
            if shut:
                line.shutdown(socket.SHUT_WR)
            line.settimeout(0.5)
            got = b""
            try:
                while data := line.recv(1 << 16):
                    got += data
            except TimeoutError:
                pass
            return got
