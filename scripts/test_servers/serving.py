"""A test server on a free port of 127.0.0.1, in a thread of the process that asks for it."""

from __future__ import annotations

import socket
import threading
from types import TracebackType

import uvicorn

from scripts.test_servers.faults import App, Fault, FaultyApp, SeenRequest

START_SECONDS = 20.0


class ServerError(RuntimeError):
    """The server did not start or stop."""


class ServedApp:
    """An application that answers as long as the ``with`` block lasts; ``stop`` and ``start`` make an outage of it."""

    def __init__(self, app: App, port: int = 0) -> None:
        self.app = FaultyApp(app)
        self._port = port
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """The port, the same after an outage."""
        return self._port

    @property
    def address(self) -> str:
        """``http://127.0.0.1:port``."""
        return f"http://127.0.0.1:{self._port}"

    def order(self, *faults: Fault) -> None:
        """Let these faults happen from now on."""
        self.app.faults.extend(faults)

    def mend(self) -> None:
        """Let no fault happen any more."""
        self.app.faults.clear()

    def seen(self, method: str, path_end: str) -> list[SeenRequest]:
        """The requests of a method whose path ends so, the oldest first."""
        return [seen for seen in list(self.app.requests) if seen.method == method and seen.path.endswith(path_end)]

    def start(self) -> None:
        """Answer from now on."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self._port))
        self._port = listener.getsockname()[1]
        config = uvicorn.Config(
            self.app,
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        started = threading.Event()
        self._thread = threading.Thread(target=self._serve, args=(listener, started), daemon=True)
        self._thread.start()
        if not started.wait(START_SECONDS):
            raise ServerError("the test server did not start")

    def _serve(self, listener: socket.socket, started: threading.Event) -> None:
        assert self._server is not None
        server = self._server
        announce = server.startup

        async def startup(sockets: list[socket.socket] | None = None) -> None:
            await announce(sockets=sockets)
            started.set()

        server.startup = startup  # type: ignore[method-assign]
        server.run(sockets=[listener])

    def stop(self) -> None:
        """Answer nobody any more."""
        if self._server is None or self._thread is None:
            return
        self._server.should_exit = True
        self._thread.join(START_SECONDS)
        if self._thread.is_alive():
            raise ServerError("the test server did not stop")
        self._server = None

    def __enter__(self) -> ServedApp:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()
