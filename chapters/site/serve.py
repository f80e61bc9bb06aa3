"""The pages as a browser on this machine opens them: live cells need an address, not a file."""

from __future__ import annotations

import functools
import http.server
from contextlib import suppress
from pathlib import Path
from typing import Any

PORT = 8000


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Says nothing of each request; the browser keeps what has not changed."""

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""

    def copyfile(self, source: Any, outputfile: Any) -> None:
        """A page that is left, or stopped, no longer wants the rest of a file."""
        with suppress(ConnectionError):
            super().copyfile(source, outputfile)


def serve(html: Path, port: int = PORT) -> None:
    """Serve a folder to this machine alone, until Ctrl-C; on another port if this one is taken."""
    handler = functools.partial(Quiet, directory=str(html))
    try:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)
    except OSError:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    with server:
        print(f"Open http://127.0.0.1:{server.server_port}/ (Ctrl-C ends it)", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()
