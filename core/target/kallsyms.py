"""Looks up single names in /proc/kallsyms, which the kernel writes afresh, 120,000 lines, at every reading.

Where several symbols have one name, `find_symbol` gives the first and `find_code` all that are functions.
"""

from __future__ import annotations

PATH = "/proc/kallsyms"


def find_symbol(name: str, path: str = PATH) -> tuple[int | None, bool]:
    """The address of a kernel symbol and whether it is the kernel's own rather than a module's.

    The first of several symbols of one name counts, as in the kernel's own look-up. (None, False) when there is none or
    the kernel hides addresses from this user (kernel.kptr_restrict), in which case all read as 0. Raises OSError.
    """
    if not name or not name.isprintable() or " " in name:
        return None, False
    with open(path, "rb", buffering=0) as file:
        content = file.read()
    needle = b" " + name.encode()
    at = content.find(needle)
    while at >= 0:
        after = content[at + len(needle) : at + len(needle) + 1]
        if after in (b"\n", b"\t", b""):
            break
        at = content.find(needle, at + 1)
    if at < 0:
        return None, False
    address = int(content[content.rfind(b"\n", 0, at) + 1 : at].split()[0], 16)
    if address == 0 and is_hidden(content):
        return None, False
    return address, after != b"\t"  # a module's symbol is followed by a tab and [module]


def is_hidden(content: bytes) -> bool:
    """Per-CPU symbols may truly be at 0, code never is: a `_text` at 0 shows that addresses are hidden."""
    at = content.find(b" _text\n")
    return at >= 0 and int(content[content.rfind(b"\n", 0, at) + 1 : at].split()[0], 16) == 0


def find_code(symbol: str, path: str = PATH) -> list[int]:
    """The addresses of all functions of a name, `F` for those of the kernel and all modules, or `MODULE:F`; sorted.

    Empty when the kernel hides addresses. Raises OSError.
    """
    import re

    *module, name = (re.escape(part).encode() for part in symbol.split(":"))
    home = rb"\t\[%b\]" % module[0] if module else rb"(?:\t\[\w+\])?"
    with open(path, "rb", buffering=0) as file:
        content = file.read()
    found = re.findall(rb"^([0-9a-f]+) [tTwW] %b%b$" % (name, home), content, re.MULTILINE)
    return sorted({int(address, 16) for address in found} - {0})
