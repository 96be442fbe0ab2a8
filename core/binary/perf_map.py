"""Functions that a running process has compiled itself, from the list that it writes: /tmp/perf-PID.map.

Runtimes with a JIT compiler append a line for each function, "START SIZE NAME" in hex (tools/perf/Documentation/
jit-interface.txt of the kernel). The file is anybody's, so it has to belong to the process's user or to root, and
nothing in it is believed. This file must not know of processes.
"""

from __future__ import annotations

import os
import stat
from array import array
from bisect import bisect_right
from itertools import accumulate

#: Of a file: what is read of it, and how many functions may lie around one address.
_MAX_SIZE, _MAX_NESTING = 1 << 27, 256
_MAX_ADDRESS = 1 << 64


class PerfMap:
    """The list of one process, open until `close`; it is read on as it grows. Use `open`."""

    def __init__(self, descriptor: int, path: str) -> None:
        #: As the process calls it.
        self.path = path
        self._descriptor = descriptor
        self._forget()

    @staticmethod
    def open(file: str, path: str, owner: int) -> PerfMap | None:
        """The list in `file`, which the process calls `path`; None where there is none of the user id `owner` or of
        root."""
        try:
            # A link could lead to a file of anybody else; what is opened here must not make the tracer wait.
            descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return None  # the process compiles nothing, or tells nobody
        status = os.fstat(descriptor)
        if stat.S_ISREG(status.st_mode) and status.st_uid in (owner, 0):
            return PerfMap(descriptor, path)
        os.close(descriptor)
        return None

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __del__(self) -> None:
        self.close()

    def find(self, address: int) -> tuple[str, int] | None:
        """The function around an address, the one written last of several, and how many bytes after its start it is."""
        self._read_on()
        found = -1
        last = bisect_right(self._starts, address) - 1
        for index in range(last, max(-1, last - _MAX_NESTING), -1):
            if self._reach[index] <= address:
                break
            if self._ends[index] > address and (found < 0 or self._lines[index] > self._lines[found]):
                found = index
        if found < 0:
            return None
        name = self._names[self._lines[found]]
        return name.decode("utf-8", "surrogateescape"), address - self._starts[found]

    def _forget(self) -> None:
        self._read = 0
        self._rest = b""
        #: (start, end) and name of each line, then what they are sorted into: by address, with the number of the line.
        self._spans: list[tuple[int, int]] = []
        self._names: list[bytes] = []
        self._starts, self._ends, self._reach, self._lines = array("Q"), array("Q"), array("Q"), array("Q")

    def _read_on(self) -> None:
        """Reads what was added since, or all of a file that has become shorter: it was begun anew."""
        try:
            size = min(os.fstat(self._descriptor).st_size, _MAX_SIZE)
            if size < self._read:
                self._forget()
            if size == self._read:
                return
            data = os.pread(self._descriptor, size - self._read, self._read)
        except OSError:
            return  # closed, or a file system that has gone: what was read stays
        self._read += len(data)
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        for line in lines:
            self._add(line)
        order = sorted(range(len(self._spans)), key=self._spans.__getitem__)
        self._lines = array("Q", order)
        self._starts = array("Q", [self._spans[number][0] for number in order])
        self._ends = array("Q", [self._spans[number][1] for number in order])
        self._reach = array("Q", accumulate(self._ends, max))

    def _add(self, line: bytes) -> None:
        try:
            first, second, name = line.split(None, 2)
            start, size = int(first, 16), int(second, 16)
        except ValueError:
            return  # no line of the form: the next one may be
        if name and start >= 0 and size > 0 and start + size < _MAX_ADDRESS:
            self._spans.append((start, start + size))
            self._names.append(name)
