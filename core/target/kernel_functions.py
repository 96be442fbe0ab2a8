"""Which functions of the kernel can be traced: the list that ftrace keeps, without those that a probe cannot be on.

The list has a hundred thousand lines and more, so it stays the text that it is, sorted, and is searched as text. Where
it comes from, and how long it holds, is known in `live_functions.py`.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable

from ..glob import glob, has_wildcard

#: The home of functions that are in no module.
VMLINUX = "vmlinux"
#: In ftrace's list, but the kernel stops in them, or patches them itself while they run.
_UNSUITABLE = frozenset({b"arch_cpu_idle", b"default_idle", b"bpf_dispatcher_xdp_func"})
#: Places that ftrace has given up, and functions that the probe machinery itself needs.
_UNSUITABLE_PREFIXES = (b"__ftrace_invalid_address__", b"rcu_")
#: Parts that the compiler cut out of functions: a wildcard does not mean them.
PART = b".part."


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
        needle = b"\n" + _encode(name) + b" "
        if len(needle.split()) != 1:
            return ()  # a name with blanks would be found across words
        found, at = [], self.text.find(needle)
        while at >= 0:
            begin = at + len(needle)
            end = self.text.index(b"\n", begin)
            found.append(_decode(self.text[begin:end]))
            at = self.text.find(needle, end)
        return tuple(found)

    def match(self, name: str, module: str = "*") -> list[tuple[str, str]]:
        """(module, function) of all that two patterns name, sorted by function; both may do without a wildcard."""
        if not has_wildcard(name):
            accepts = glob(module).fullmatch
            return [(home, name) for home in self.modules_of(name) if accepts(home)]
        # One expression over the whole text is ten times as fast as one match a line.
        lines = re.compile(b"^(%b) (%b)$" % (_expression(name), _expression(module)), re.MULTILINE)
        found = lines.findall(self.text, *self._beginning(name.partition("*")[0]))
        return [(_decode(home), _decode(function)) for function, home in found if PART not in function]

    def _beginning(self, text: str) -> tuple[int, int]:
        """Where the lines are that begin with a text: one after another, since they are sorted."""
        needle = b"\n" + _encode(text)
        first, last = self.text.find(needle), self.text.rfind(needle, 0, -1)
        return (first + 1, self.text.find(b"\n", last + 1)) if last >= 0 else (0, 0)


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _decode(text: bytes) -> str:
    return text.decode("utf-8", "surrogateescape")


def _expression(pattern: str) -> bytes:
    """What `core.glob` has for a pattern, for one word of a line."""
    first, *rest = (re.escape(_encode(piece)) for piece in pattern.split("*"))
    if not rest:
        return first
    *middle, last = rest
    return first + b"".join(b"(?>[^ \n]*?%b)" % piece for piece in middle) + b"[^ \n]*" + last


def parse_functions(content: bytes, blacklist: Iterable[bytes] = ()) -> bytes:
    """The text of `KernelFunctions` out of ftrace's available_filter_functions: lines `NAME` and `NAME [MODULE]`."""
    home = b" " + VMLINUX.encode()
    lines = [line.replace(b"[", b"").rstrip(b"]") if b" " in line else line + home for line in _lines(content)]
    lines = list(dict.fromkeys(sorted(lines)))
    for prefix in _UNSUITABLE_PREFIXES:
        _leave_out(lines, prefix)
    for name in _UNSUITABLE.union(blacklist):
        _leave_out(lines, name + b" ")
    return b"\n".join([b"", *lines, b""])


def _lines(content: bytes) -> list[bytes]:
    """Without empty ones and with one blank between words, as the kernel writes them, whoever wrote them."""
    if b"\t" in content or b"\r" in content or b"  " in content or b" \n" in content or b"\n " in content:
        return [b" ".join(words) for words in map(bytes.split, content.splitlines()) if words]
    return list(filter(None, content.split(b"\n")))


def _leave_out(lines: list[bytes], beginning: bytes) -> None:
    """Take those out of sorted lines that begin so."""
    first = last = bisect_left(lines, beginning)
    while last < len(lines) and lines[last].startswith(beginning):
        last += 1
    del lines[first:last]


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
