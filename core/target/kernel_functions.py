"""Which functions of the kernel can be traced: the list that ftrace keeps, without those that a probe cannot be on.

The list has a hundred thousand lines and more, so it stays the text that it is, sorted, and is searched as text. Where
it comes from, and how long it holds, is known in `live_functions.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from pybpftrace.core.glob import has_wildcard

#: The home of functions that are in no module.
VMLINUX = "vmlinux"
#: In ftrace's list, but the kernel stops in them, or patches them itself while they run.
_UNSUITABLE = frozenset({b"arch_cpu_idle", b"default_idle", b"bpf_dispatcher_xdp_func"})
#: Places that ftrace has given up, and functions that the probe machinery itself needs.
_UNSUITABLE_PREFIXES = (b"__ftrace_invalid_address__", b"rcu_")
#: Parts that the compiler cut out of functions: a wildcard does not mean them.
PART = ".part."


class KernelFunctions:
    """`text` has a line `NAME MODULE` for each, sorted, behind a first newline.

    `unreadable` is the file whose list could not be had, empty when there is one.
    """

    def __init__(self, text: bytes, unreadable: str = "") -> None:
        self.text = text
        self.unreadable = unreadable

    @property
    def readable(self) -> bool:
        return not self.unreadable

    def __len__(self) -> int:
        return max(self.text.count(b"\n") - 1, 0)

    def modules_of(self, name: str) -> tuple[str, ...]:
        """The modules that have a function of this name, 'vmlinux' among them; none when it cannot be traced."""
        needle = b"\n" + name.encode("utf-8", "surrogateescape") + b" "
        found, at = [], self.text.find(needle)
        while at >= 0:
            begin = at + len(needle)
            end = self.text.index(b"\n", begin)
            found.append(self.text[begin:end].decode())
            at = self.text.find(needle, end)
        return tuple(dict.fromkeys(found))

    def match(self, name: str, module: str = "*") -> list[tuple[str, str]]:
        """(module, function) of all that two patterns name, sorted by function; both may do without a wildcard."""
        if not has_wildcard(name):
            accepts = re.compile(_pattern(module)).fullmatch
            return [(home, name) for home in self.modules_of(name) if accepts(home.encode())]
        # One expression over the whole text is ten times as fast as one match a line.
        lines = re.compile(b"^(%b) (%b)$" % (_pattern(name), _pattern(module)), re.MULTILINE)
        pairs = ((home.decode(), found.decode()) for found, home in lines.findall(self.text))
        return [pair for pair in pairs if PART not in pair[1]]


def _pattern(wildcard: str) -> bytes:
    return b"[^ \n]*".join(re.escape(piece.encode("utf-8", "surrogateescape")) for piece in wildcard.split("*"))


def parse_functions(content: bytes, blacklist: Iterable[bytes] = ()) -> bytes:
    """The text of `KernelFunctions` out of ftrace's available_filter_functions: lines `NAME` and `NAME [MODULE]`."""
    left_out = _UNSUITABLE | frozenset(blacklist)
    lines = set()
    for line in content.splitlines():
        name, _, rest = line.partition(b" ")
        if name and name not in left_out and not name.startswith(_UNSUITABLE_PREFIXES):
            lines.add(name + b" " + (rest.strip()[1:-1] or b"vmlinux"))
    return b"\n" + b"".join(line + b"\n" for line in sorted(lines))


def parse_blacklist(content: bytes) -> frozenset[bytes]:
    """The functions of /sys/kernel/debug/kprobes/blacklist: lines `START-END NAME`."""
    return frozenset(words[1] for words in map(bytes.split, content.splitlines()) if len(words) == 2)


def functions_file(pairs: Iterable[tuple[str, str]]) -> bytes:
    """(module, function) pairs in the form of available_filter_functions, sorted."""
    lines = sorted(name if module == VMLINUX else f"{name} [{module}]" for module, name in pairs)
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape")


class RecordingFunctions(KernelFunctions):
    """Remembers in `asked` the (module, function) pairs that were found."""

    def __init__(self, functions: KernelFunctions) -> None:
        super().__init__(functions.text, functions.unreadable)
        self.asked: set[tuple[str, str]] = set()

    def modules_of(self, name: str) -> tuple[str, ...]:
        found = super().modules_of(name)
        self.asked.update((module, name) for module in found)
        return found

    def match(self, name: str, module: str = "*") -> list[tuple[str, str]]:
        found = super().match(name, module)
        self.asked.update(found)
        return found
