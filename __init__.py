"""pybpftrace: the bpftrace language as a staged compiler of pluggable passes.

For Python programs: `trace` compiles and attaches a script, and gives a `Tracer`; `compile` does the first half. See
docs/python-api.md. What is imported with the package is nothing but this: each name loads its module when it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from .api.compiled import CompiledScript, compile, trace
    from .api.compiler import CompileFailed
    from .api.events import Event, Failure, LostEvents, Message, Place, Printed, PrintedMap, PrintedValue
    from .api.tracer import Maps, Tracer
    from .api.values import Bucket
    from .core.run import LoadError

__all__ = [
    "Bucket",
    "CompileFailed",
    "CompiledScript",
    "Event",
    "Failure",
    "LoadError",
    "LostEvents",
    "Maps",
    "Message",
    "Place",
    "Printed",
    "PrintedMap",
    "PrintedValue",
    "Tracer",
    "compile",
    "trace",
]

_MODULES = {
    "api.compiled": ("CompiledScript", "compile", "trace"),
    "api.compiler": ("CompileFailed",),
    "api.events": (
        "Event", "Failure", "LostEvents", "Message", "Place", "Printed", "PrintedMap", "PrintedValue",
    ),
    "api.tracer": ("Maps", "Tracer"),
    "api.values": ("Bucket",),
    "core.run": ("LoadError",),
}  # fmt: skip


def __getattr__(name: str) -> object:
    from importlib import import_module

    for module, names in _MODULES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
