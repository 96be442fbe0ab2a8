"""What is known so far of every map: its key and value types, and whether it has keys at all.

One table for the whole program, because all probes share a map. It knows types and names, not the tree.
"""

from __future__ import annotations

from collections.abc import Mapping

from ...core.artifacts import MapTypes
from ...core.diagnostics import Diagnostics, did_you_mean
from ...core.source import Span
from ...core.types import OwnedType, Type, settle
from .promotion import literal_type
from .unknowns import Unknowns

#: The type of what a map holds before anything is assigned to it.
ZERO = literal_type(0)
LOCKED = "this type has been locked because it was used in another part of the type graph"


def key_mismatch(name: str, given: Type, known: Type) -> str:
    """The message for a key that does not fit the other keys of its map."""
    return (
        f"Argument mismatch for {name}: trying to access with arguments: '{settle(given)}' "
        f"when map expects arguments: '{settle(known)}'"
    )


class MapTable:
    """The types of all maps, shared by all bodies. `removed` tells why probes with a map are gone, by its name."""

    def __init__(self, removed: Mapping[str, str] | None = None) -> None:
        self._removed = removed or {}
        self.keys = Unknowns()
        self.values = Unknowns()
        self.keyed: dict[str, bool] = {}
        self.scalars_read: set[str] = set()
        self.locked: set[str] = set()
        self.changed = False

    def use(self, name: str, has_key: bool) -> str | None:
        """Notes that a map is used with or without a key; the error text when it was used the other way before."""
        known = self.keyed.setdefault(name, has_key)
        if known == has_key:
            return None
        with_key, without = "with an explicit key (non-scalar map)", "without an explicit key (scalar map)"
        now, before = (with_key, without) if has_key else (without, with_key)
        return f"{name} used as a map {now}, previously used {before}"

    def hints(self, name: str) -> tuple[str, ...]:
        """What may be wrong with a map that nothing is known of."""
        reason = self._removed.get(name)
        if reason is None:
            return did_you_mean(name, self.values)
        return (f"a probe that uses {name} was removed (missing_probes): {reason.removesuffix('.')}",)

    def add_key(self, name: str, type_: Type, span: Span, diagnostics: Diagnostics) -> bool:
        """False, with an error, when the key does not go with the other uses."""
        known = self.keys.get(name)
        merged = self.keys.join(name, type_)
        if merged is None:
            diagnostics.error(key_mismatch(name, type_, known or type_), span)
            return False
        return merged == known or self._set(self.keys, name, merged, span, diagnostics)

    def add_value(self, name: str, type_: Type, span: Span, diagnostics: Diagnostics, conflict: str = "") -> bool:
        """False, with an error, when the value does not go with the other uses; `conflict` is the text for two uses of
        one aggregation with different settings."""
        known = self.values.get(name)
        merged = self.values.join(name, type_)
        if merged is None:
            assert known is not None
            same_owner = isinstance(known, OwnedType) and isinstance(type_, OwnedType) and known.owner == type_.owner
            mismatch = (
                f"Type mismatch for {name}: trying to assign value of type '{settle(type_)}' "
                f"when map already has a type '{settle(known)}'"
            )
            diagnostics.error(conflict if same_owner and conflict else mismatch, span)
            return False
        return merged == known or self._set(self.values, name, merged, span, diagnostics)

    def replace_value(self, name: str, type_: Type) -> None:
        """Notes a type in the place of the one known so far."""
        self.values[name] = type_
        self.changed = True

    def _set(self, table: dict[str, Type], name: str, type_: Type, span: Span, diagnostics: Diagnostics) -> bool:
        if name in table and name in self.locked and settle(table[name]) != settle(type_):
            diagnostics.error(LOCKED, span)
            return False
        table[name] = type_
        self.changed = True
        return True

    def default_scalars(self) -> bool:
        """Gives scalar maps that are only read a type; True when there was one."""
        unset = [name for name in sorted(self.scalars_read) if name not in self.values and not self.keyed.get(name)]
        for name in unset:
            self.values[name] = self.values.join(name, ZERO) or ZERO
        return bool(unset)

    def types(self, declarations: Mapping[str, tuple[str, int]]) -> dict[str, MapTypes]:
        """`declarations` gives the kind and the number of entries of declared maps."""
        return {
            name: MapTypes(
                name,
                settle(self.keys[name]) if name in self.keys else None,
                settle(value),
                *declarations.get(name, (None, None)),
            )
            for name, value in sorted(self.values.items())
        }
