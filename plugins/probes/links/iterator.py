"""Links to iterators: what one walks over, and how its file is read, or pinned to a path for others to read.

It is apart from the probe type because compiling does not need it, and must not import the compiler.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator

from ....core.linux import bpf
from ....core.linux.errors import KernelError
from ....core.probe import AttachPointError, AttachRequest, DescriptorLink, SequenceLink
from ....core.run import load_error

#: Iterators that can be limited to the tasks of one process (kernel/bpf/task_iter.c).
_OF_TASKS = ("task", "task_file", "task_vma")
#: Iterators over the elements of one map, which a link has to name.
_OF_ONE_MAP = ("bpf_map_elem", "bpf_sk_storage_map", "sockmap")
_CGROUPS = "cgroup"
#: Where a relative name is pinned.
_BPF_FILES = "/sys/fs/bpf"
#: Bytes that are read at once. The kernel collects at most 32 KiB before it gives them away (kernel/bpf/bpf_iter.c).
_CHUNK = 1 << 15
_TOO_MUCH = "one object has printed more than the kernel's 32 KiB"


def attach_iterator(name: str, pin: str, request: AttachRequest) -> SequenceLink:
    """Raises: AttachPointError, KernelError."""
    if name in _OF_ONE_MAP:
        raise AttachPointError(f"iter:{name} walks over one map, and an attach point has no place for which")
    settings = b""
    if name == _CGROUPS:
        settings = bpf.cgroup_iterator()
    elif name in _OF_TASKS and request.pid is not None:
        settings = bpf.task_iterator(request.pid)
    link = bpf.create_iterator_link(request.program_fd, settings, f"iter:{name}")
    return PinnedIterator(link, os.path.join(_BPF_FILES, pin)) if pin else IteratorLink(link, name)


class IteratorLink(DescriptorLink):
    """One that is walked once."""

    def __init__(self, descriptor: int, name: str) -> None:
        super().__init__([descriptor])
        self._name = name

    def read(self) -> Iterator[bytes]:
        try:
            self.descriptors.append(bpf.create_iterator(self.descriptors[0]))
        except KernelError as error:
            raise load_error(f"Failed to open iter probe link: {error}", status=1) from error
        while True:
            try:
                chunk = os.read(self.descriptors[-1], _CHUNK)
            except BlockingIOError:
                # A million objects went by without a byte, and the kernel wants to be asked to go on.
                yield b""
                continue
            except OSError as error:
                reason = _TOO_MUCH if error.errno == errno.E2BIG else os.strerror(error.errno or 0)
                raise load_error(f"Failed to read iter:{self._name}: {reason}", status=1) from error
            if not chunk:
                return
            yield chunk


class PinnedIterator(DescriptorLink):
    """One that whoever reads the file at `path` walks; that lives on when this process has ended."""

    def __init__(self, descriptor: int, path: str) -> None:
        super().__init__([descriptor])
        self._path = path

    def read(self) -> Iterator[bytes]:
        """Pins it, and gives the news of that."""
        try:
            bpf.pin(self.descriptors[0], self._path)
        except KernelError as error:
            raise load_error(f"Failed to pin iter probe link: {error}", status=1) from error
        yield b"Program pinned to %b\n" % os.fsencode(self._path)
