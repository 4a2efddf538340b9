"""``python -m scripts.test_servers``: both servers on loopback, until interrupted."""

from __future__ import annotations

import threading

from scripts.test_servers.aperture import Aperture
from scripts.test_servers.examples import connections, furnish
from scripts.test_servers.integrate_io import IntegrateIo


def main() -> None:
    """Serve, and print the connections that reach the servers."""
    account, studio = IntegrateIo(), Aperture()
    furnish(account, studio)
    with account.served, studio.served:
        for name, value in connections(account, studio).items():
            print(f"export {name}='{value}'", flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
