"""Runs commands inside a guest, as the harness asks for them through a virtio-serial port.

    python -I -S agent.py DEVICE

It is a program of its own, that nothing but the standard library is there for: the guest is slow, so it imports little.
The harness imports the frames from here. A frame is two u32 (the sizes of what follows), a JSON object and bytes:

    -> {"id": 1, "command": [...], "directory": "/", "environment": {...}, "limit": seconds}   standard input
    -> {"id": 1, "signal": 2}                                                                  to the process group
    <- {"id": 0}                                                                               ready
    <- {"id": 1, "stream": "stdout"}                                                           a piece of output
    <- {"id": 1, "status": 0, "timed_out": false}                                              the last of a command

A command is a process group, which ends with its first process. The status is negative for a signal, as in subprocess.
"""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

_SIZES = struct.Struct("<II")
_PIECE = 1 << 16
_NOT_STARTED = 127
_KILL = 9


def pack(fields: dict[str, Any], data: bytes = b"") -> bytes:
    text = json.dumps(fields).encode()
    return _SIZES.pack(len(text), len(data)) + text + data


def unpack(read: Callable[[int], bytes]) -> tuple[dict[str, Any], bytes]:
    """The next frame; `read` gives at most so many bytes, and none at the end. Raises EOFError."""
    text_size, data_size = _SIZES.unpack(_exactly(read, _SIZES.size))
    return json.loads(_exactly(read, text_size)), _exactly(read, data_size)


def _exactly(read: Callable[[int], bytes], size: int) -> bytes:
    content = bytearray()
    while len(content) < size:
        piece = read(size - len(content))
        if not piece:
            raise EOFError("the other side is gone")
        content += piece
    return bytes(content)


class Agent:
    """Serves the port `device`: a thread for each command, and one for each of its streams."""

    def __init__(self, device: str) -> None:
        self._port = os.open(device, os.O_RDWR)
        self._writing = threading.Lock()
        self._running: dict[int, subprocess.Popen[bytes]] = {}

    def serve(self) -> None:
        self._send({"id": 0})
        while True:
            try:
                request, data = unpack(lambda size: os.read(self._port, size))
            except EOFError:
                return
            if "signal" in request:
                process = self._running.get(request["id"])
                if process is not None:
                    _signal(process, request["signal"])
            else:
                self._start(request, data)

    def _start(self, request: dict[str, Any], data: bytes) -> None:
        number = request["id"]
        try:
            process = subprocess.Popen(
                request["command"],
                cwd=request["directory"],
                env=request["environment"],
                stdin=subprocess.PIPE if data else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            self._send({"id": number, "stream": "stderr"}, f"{error}\n".encode())
            self._send({"id": number, "status": _NOT_STARTED, "timed_out": False})
            return
        self._running[number] = process
        threading.Thread(target=self._attend, args=(number, process, request["limit"], data), daemon=True).start()

    def _attend(self, number: int, process: subprocess.Popen[bytes], limit: float, data: bytes) -> None:
        streams = [
            threading.Thread(target=self._pass_on, args=(number, name, getattr(process, name)), daemon=True)
            for name in ("stdout", "stderr")
        ]
        alarm = threading.Timer(limit, _signal, (process, _KILL))
        for thread in (*streams, alarm):
            thread.start()
        if process.stdin is not None:
            with suppress(BrokenPipeError), process.stdin:
                process.stdin.write(data)
        status = process.wait()
        timed_out = not alarm.is_alive()
        alarm.cancel()
        _signal(process, _KILL)  # what it left behind, which may hold the streams open
        for thread in streams:
            thread.join()
        del self._running[number]
        self._send({"id": number, "status": status, "timed_out": timed_out})

    def _pass_on(self, number: int, name: str, stream: Any) -> None:
        with stream:
            while piece := os.read(stream.fileno(), _PIECE):
                self._send({"id": number, "stream": name}, piece)

    def _send(self, fields: dict[str, Any], data: bytes = b"") -> None:
        frame = memoryview(pack(fields, data))
        with self._writing:
            while frame:
                frame = frame[os.write(self._port, frame) :]


def _signal(process: subprocess.Popen[bytes], number: int) -> None:
    """To the whole process group; it may be gone."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)


if __name__ == "__main__":
    Agent(sys.argv[1]).serve()
