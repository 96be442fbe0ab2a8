"""A plugin of pybpftrace: a probe type and a function.

The module is the plugin itself: its entry point names it, and its hooks hand over the objects. A plugin that adds
nothing but these needs no more.
"""

from collections.abc import Sequence

from pybpftrace.core.function import Function
from pybpftrace.core.hookspecs import hookimpl
from pybpftrace.core.probe import ProbeType

from .errname import ErrorName
from .fileopen import FileOpenProbe

#: The version of the contracts that this was written for.
API_VERSION = 1


@hookimpl
def register_probe_types() -> Sequence[ProbeType]:
    return [FileOpenProbe()]


@hookimpl
def register_functions() -> Sequence[Function]:
    return [ErrorName()]
