"""C++ names as people write them, through the C++ library's own `__cxa_demangle`.

The code generator is linked with a C++ library, so there is one wherever a script is compiled. A binary belongs to
anybody, and the text of a name of a few hundred characters can be longer than all memory (each template argument can
stand for the one before it twice), so that long names are left to a child process with limits. This file must not know
of symbol tables or probes. Facts: Itanium C++ ABI, sections 3.4 and 5.1.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterable, Iterator

_LIBRARIES = ("libstdc++.so.6", "libc++abi.so.1")
#: What a mangled name begins with; the second form is that of Clang's blocks, which libc++abi knows.
PREFIXES = ("_Z", "____Z")
_MAX_NAME = 1 << 13
#: The text of a name that is not longer takes 100,000 characters at most.
_SHORT_NAME = 128
#: Of the child: more memory than it begins with, in bytes; processor time for all names, in seconds; bytes of a text.
_MAX_MEMORY = 1 << 26
_MAX_SECONDS = 3
_MAX_TEXT = 1 << 16

#: The text of a name, None where it is none of C++.
Demangler = Callable[[bytes], bytes | None]


class NoDemangler(Exception):
    """This machine has no C++ library that could be asked."""


def demangled(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """(mangled, demangled) of those of the names that are C++ ones and well-formed. Raises NoDemangler, OSError."""
    demangle = _demangler()
    long = []
    for name in names:
        if not name.startswith(PREFIXES) or len(name) > _MAX_NAME:
            continue
        if len(name) > _SHORT_NAME:
            long.append(name)
        elif (text := demangle(_encoded(name))) is not None:
            yield name, text.decode("utf-8", "surrogateescape")
    if long:
        texts = _in_child(lambda: (demangle(_encoded(name)) for name in long))
        for name, text in zip(long, texts, strict=False):  # the child may have been ended before the last
            if text:
                yield name, text.decode("utf-8", "surrogateescape")


def name_demangler() -> Callable[[str], str | None]:
    """What gives the text of a name, None of one that is none of C++; that raises OSError. Raises NoDemangler."""
    from .demangle_child import DemangleChild

    demangle = _demangler()
    child = DemangleChild(demangle)

    def call(name: str) -> str | None:
        if not name.startswith(PREFIXES) or len(name) > _MAX_NAME:
            return None
        text = (child.ask if len(name) > _SHORT_NAME else demangle)(_encoded(name))
        return None if text is None else text.decode("utf-8", "surrogateescape")

    return call


def _encoded(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")


def _demangler() -> Demangler:
    library = _library()
    demangle, free = library["__cxa_demangle"], ctypes.CDLL(None)["free"]
    # char *(const char *name, char *buffer, size_t *length, int *status): with no buffer it allocates the result.
    demangle.argtypes = [ctypes.c_char_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]
    demangle.restype = ctypes.c_void_p
    free.argtypes = [ctypes.c_void_p]
    free.restype = None

    def call(name: bytes) -> bytes | None:
        found = demangle(name, None, None, None)
        if not found:
            return None
        try:
            return ctypes.string_at(found)
        finally:
            free(found)

    return call


def _library() -> ctypes.CDLL:
    for name in _LIBRARIES:
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    raise NoDemangler(f"none of {', '.join(_LIBRARIES)} is installed")


def _in_child(work: Callable[[], Iterable[bytes | None]]) -> list[bytes]:
    """What `work` gives in a process of its own, empty for None and for what is too long; fewer where it was ended."""
    receive, send = os.pipe()
    child = os.fork()
    if not child:
        status = 1
        try:
            os.close(receive)
            _limit()
            with os.fdopen(send, "wb") as sink:
                for text in work():
                    sink.write((text if text and len(text) <= _MAX_TEXT else b"") + b"\0")
            status = 0
        finally:
            os._exit(status)
    os.close(send)
    try:
        with os.fdopen(receive, "rb") as source:
            return source.read().split(b"\0")[:-1]
    finally:
        os.waitpid(child, 0)


def _limit() -> None:
    """Without a core file, whatever happens."""
    import resource

    with open("/proc/self/statm", "rb") as file:
        begun_with = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (begun_with + _MAX_MEMORY,) * 2)
    resource.setrlimit(resource.RLIMIT_CPU, (_MAX_SECONDS,) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
