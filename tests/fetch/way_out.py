"""A forward proxy as companies have one: everything that leaves goes through it, by name."""

import contextlib
import socket
import threading
from types import TracebackType
from typing import Self

_PIECE = 65536


class WayOut:
    """Takes CONNECT for any host and leads to the same port of this machine; `asked` tells the hosts."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        # A thread that waits in accept is not woken by close alone.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                guest, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(guest,), daemon=True).start()

    def _serve(self, guest: socket.socket) -> None:
        with guest, contextlib.suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                piece = guest.recv(_PIECE)
                if not piece:
                    return
                head += piece
            method, target, _ = head.split(b"\r\n", 1)[0].decode().split()
            if method != "CONNECT":
                guest.sendall(b"HTTP/1.1 405 Method Not Allowed\r\n\r\n")
                return
            self.asked.append(target)
            with socket.create_connection(("127.0.0.1", int(target.rpartition(":")[2]))) as host:
                guest.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                back = threading.Thread(target=_relay, args=(host, guest), daemon=True)
                back.start()
                _relay(guest, host)
                back.join()


def _relay(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(_PIECE):
            target.sendall(piece)
        target.shutdown(socket.SHUT_WR)
