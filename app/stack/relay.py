"""A TCP relay that can be cut and mended: how one takes the network away between two programs of one machine."""

import contextlib
import selectors
import socket
import threading

CHUNK = 64 * 1024
CONNECTIONS_MAX = 64


class Relay:
    """Listens on a free loopback port and passes everything on to `target`; bytes wait for the slower side."""

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._lock = threading.Lock()
        self._open = True
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Connections end at once, new ones are closed before anything is read."""
        with self._lock:
            self._open = False
            for pair in self._pairs:
                _shut(pair)

    def mend(self) -> None:
        with self._lock:
            self._open = True

    def close(self) -> None:
        self.cut()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                welcome = self._open and len(self._pairs) < CONNECTIONS_MAX
            if not welcome:
                client.close()
                continue
            try:
                server = socket.create_connection(self._target, 2)
            except OSError:
                client.close()
                continue
            pair = (client, server)
            with self._lock:
                self._pairs.add(pair)
            threading.Thread(target=self._carry, args=(pair,), daemon=True).start()

    def _carry(self, pair: tuple[socket.socket, socket.socket]) -> None:
        other = {pair[0]: pair[1], pair[1]: pair[0]}
        with selectors.DefaultSelector() as ready, contextlib.suppress(OSError):
            for side in pair:
                side.settimeout(10)
                ready.register(side, selectors.EVENT_READ)
            while True:
                for key, _ in ready.select():
                    speaker = key.fileobj
                    assert isinstance(speaker, socket.socket)  # noqa: S101
                    chunk = speaker.recv(CHUNK)
                    if not chunk:
                        raise OSError("closed")
                    other[speaker].sendall(chunk)
        _shut(pair)
        with self._lock:
            self._pairs.discard(pair)
        for side in pair:
            side.close()


def _shut(pair: tuple[socket.socket, socket.socket]) -> None:
    for side in pair:
        with contextlib.suppress(OSError):
            side.shutdown(socket.SHUT_RDWR)
