"""A way to a server that a test can block: connections are refused, or wait when they carry a certain text."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

CHUNK = 65536


class TcpProxy:
    """Hands on what comes to ``port`` of 127.0.0.1 and what the server answers."""

    def __init__(self, server: tuple[str, int]) -> None:
        self._server = server
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._is_cut = False
        self._text: bytes | None = None
        self._caught = threading.Event()
        self._released = threading.Event()
        self._open: set[socket.socket] = set()

    def cut(self) -> None:
        """Reset every connection, and each that is tried from now on."""
        self._is_cut = True
        for connection in list(self._open):
            reset(connection)

    def mend(self) -> None:
        """Connections go through again."""
        self._is_cut = False

    @contextmanager
    def holding(self, text: str) -> Iterator[threading.Event]:
        """What carries the text goes no further until the end of the block; the event tells that something does."""
        self._caught, self._released, self._text = threading.Event(), threading.Event(), text.encode()
        try:
            yield self._caught
        finally:
            self._text = None
            self._released.set()

    def serve(self) -> None:
        """Accept connections until ``close``."""
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self._is_cut:
                reset(client)
                continue
            threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def close(self) -> None:
        """Accept no more."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def _connect(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(self._server)
        except OSError:
            reset(client)
            return
        self._open |= {client, server}
        back = threading.Thread(target=self._pass_on, args=(server, client), daemon=True)
        back.start()
        self._pass_on(client, server, may_hold=True)
        back.join()
        self._open -= {client, server}

    def _pass_on(self, source: socket.socket, target: socket.socket, *, may_hold: bool = False) -> None:
        with contextlib.suppress(OSError):
            while chunk := source.recv(CHUNK):
                if may_hold and self._text is not None and self._text in chunk:
                    self._caught.set()
                    self._released.wait()
                    if is_gone(source):
                        break
                target.sendall(chunk)
        for each in (source, target):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


def is_gone(connection: socket.socket) -> bool:
    """Whether the other side has ended the connection."""
    try:
        return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False


def reset(connection: socket.socket) -> None:
    """End a connection as a server does that is gone."""
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()


@contextmanager
def tcp_proxy(host: str, port: int) -> Iterator[TcpProxy]:
    """A running proxy."""
    proxy = TcpProxy((host, port))
    thread = threading.Thread(target=proxy.serve)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.close()
        thread.join()
