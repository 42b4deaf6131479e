"""A receiver that answers each request a fixed time after it began to arrive: a process for the throughput benchmark.

    python benchmarks/latent_receiver.py SECONDS

Prints its port. Checks nothing, so that it costs next to nothing beside what is measured.
"""

from __future__ import annotations

import json
import socketserver
import sys
import time
import uuid

_CHILD = b'"la_child_id"'


class Connection(socketserver.StreamRequestHandler):
    """One connection that is kept alive."""

    rbufsize = 1 << 20
    disable_nagle_algorithm = True

    def handle(self) -> None:
        """Answer request after request."""
        while request_line := self.rfile.readline():
            arrived = time.perf_counter()
            length = 0
            while (header := self.rfile.readline()) not in {b"\r\n", b""}:
                name, _, value = header.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            body = self.rfile.read(length)
            if request_line.startswith(b"POST /token"):
                answer = json.dumps({"access_token": "token", "token_type": "Bearer", "expires_in": 3600}).encode()
            else:
                answer = self._receipts(body.count(_CHILD))
                time.sleep(max(0.0, self.server.seconds - (time.perf_counter() - arrived)))  # type: ignore[attr-defined]
            head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(answer)}\r\n\r\n"
            self.wfile.write(head.encode() + answer)

    @staticmethod
    def _receipts(number: int) -> bytes:
        batch = uuid.uuid4().hex[:24]
        return json.dumps([f"2026-01-01_00:00:00.00_{batch}{place:08x}.json" for place in range(number)]).encode()


class Server(socketserver.ThreadingTCPServer):
    """Listens on a free loopback port; a thread for each connection."""

    daemon_threads = True

    def __init__(self, seconds: float) -> None:
        super().__init__(("127.0.0.1", 0), Connection)
        self.seconds = seconds


if __name__ == "__main__":
    with Server(float(sys.argv[1])) as server:
        print(server.server_address[1], flush=True)
        server.serve_forever()
