"""A network that loses answers: it hands requests on to a real server and cuts connections when told to."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx


@contextmanager
def cutting_proxy(server: str, cut: Callable[[str, str, Callable[[], object]], bool]) -> Iterator[str]:
    """The address of the proxy. ``cut`` gets method, body and what hands the request on; true: the answer is lost."""
    client = httpx.Client(base_url=server, trust_env=False, timeout=120)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            kept = {name: self.headers[name] for name in ("Authorization", "Content-Type") if name in self.headers}

            def hand_on() -> httpx.Response:
                return client.request(self.command, self.path, content=body, headers=kept)

            if cut(f"{self.command} {self.path}", body.decode(), hand_on):
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.close_connection = True
                self.connection.close()
                return
            answer = hand_on()
            self.send_response(answer.status_code)
            self.send_header("Content-Type", answer.headers.get("content-type", "text/plain"))
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        do_POST = do_PATCH = do_GET  # noqa: N815 - as http.server wants it

        def finish(self) -> None:
            if not self.close_connection or not self.wfile.closed:
                try:
                    super().finish()
                except OSError:
                    return

        def log_message(self, *_: object) -> None:
            """Quiet."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{running.server_address[1]}"
        finally:
            running.shutdown()
            thread.join()
            client.close()
