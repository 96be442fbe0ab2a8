"""The six built-in stages, each a plugin on the same hooks as everybody else's."""

from __future__ import annotations

from importlib import import_module

#: Plugin name (what `--use STAGE=NAME` takes) and the stage package, whose `PLUGIN` is registered.
BUILTIN_STAGES = (
    ("lark", "parse"),
    ("inference", "typecheck"),
    ("points", "expand"),
    ("llvm", "codegen"),
    ("kernel", "load"),
    ("events", "output"),
)


def builtin_plugins() -> list[tuple[str, object]]:
    """(name, plugin) for every built-in stage. A stage package imports its work late, so this is cheap."""
    return [(name, import_module(f"{__name__}.{package}").PLUGIN) for name, package in BUILTIN_STAGES]
