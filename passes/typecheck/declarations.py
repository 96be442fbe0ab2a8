"""Map declarations (`let @m = lruhash(100);`): which kinds there are, and whether what a map holds fits its kind."""

from __future__ import annotations

from ...core import ast
from ...core.compilation import Compilation
from ...core.types import OwnedType
from .map_table import MapTable

#: A script's word for a kind of map, and the kernel's.
KINDS = {
    "hash": "hash",
    "lruhash": "lru_hash",
    "percpuhash": "percpu_hash",
    "percpulruhash": "lru_percpu_hash",
}


def declared_maps(program: ast.Program) -> dict[str, tuple[str, int]]:
    """The kernel's kind of map and the number of entries, by the map's name."""
    return {map_.name: (KINDS[map_.kind], map_.entries) for map_ in program.maps if map_.kind in KINDS}


def check_maps(program: ast.Program, maps: MapTable, compilation: Compilation) -> None:
    diagnostics = compilation.diagnostics
    for map_ in program.maps:
        if map_.kind not in KINDS:
            known = ", ".join(KINDS)
            diagnostics.error(f"Invalid bpf map type: {map_.kind}", map_.span, hints=[f"valid map types: {known}"])
            continue
        value = maps.values.get(map_.name)
        if value is None:
            if not diagnostics.failed:
                diagnostics.warning(f"Unused map: {map_.name}", map_.span)
            continue
        needs_parts = isinstance(value, OwnedType) and value.aggregation
        if not maps.keyed.get(map_.name) or needs_parts != map_.kind.startswith("percpu"):
            needed = ("percpuhash" if needs_parts else "hash") if maps.keyed.get(map_.name) else (
                "percpuarray" if needs_parts else "array"
            )
            diagnostics.error(
                f"Incompatible map types. Type from declaration: {map_.kind}. Type from value/key type: {needed}",
                map_.span,
            )
