"""BTF blobs of modules for tests."""

from __future__ import annotations

from pybpftrace.core.target.btf import Btf

from .test_target_btf import Blob


class SplitBlob(Blob):
    """A module's blob over the kernel's: ids and strings go on from those of `base`."""

    def __init__(self, base: Btf) -> None:
        super().__init__()
        self.base = base
        self.strings = b""
        self.count = len(base)

    def text(self, name: str) -> int:
        """The kernel's string where it has one, as pahole writes it."""
        inherited = self.base.strings.find(b"\0" + name.encode() + b"\0")
        if not name or inherited >= 0:
            return inherited + 1 if name else 0
        self.strings += name.encode() + b"\0"
        return len(self.base.strings) + len(self.strings) - len(name) - 1
