"""The data side of a compiled program as text and as JSON: its maps, and the layout of its events' records."""

from __future__ import annotations

from .artifacts import CompiledProgram, EventSpec, MapSpec
from .dump_columns import columns, plain, type_data, type_text
from .records import is_long_string, record_layout
from .types import Type

_MAP_TITLES = ("map", "kind", "key bytes", "value bytes", "entries", "key", "value")
_EVENT_TITLES = ("event", "function", "bytes", "fields", "settings")


def dump_maps(compiled: CompiledProgram) -> str:
    """A table of maps, then one of events.

    A field is `OFFSET:TYPE`, bytes from the record's start; a `+` behind the size says that long strings follow it.
    """
    rows: list[tuple[object, ...]] = [_MAP_TITLES]
    rows += [
        (m.name, m.kind, m.key_size, m.value_size, m.max_entries, _type_cell(m.key_type), _type_cell(m.value_type))
        for m in compiled.maps
    ]
    text = columns(rows)
    if compiled.events:
        text += "\n" + columns([_EVENT_TITLES, *map(_event_row, compiled.events)])
    return text


def _event_row(event: EventSpec) -> tuple[object, ...]:
    layout = record_layout(event.fields)
    cells = zip(layout.offsets, layout.fields, strict=True)
    fields = " ".join(f"{offset}:{type_text(type_)}" for offset, type_ in cells)
    size = f"{layout.fixed_size}{'+' if layout.string_capacity else ''}"
    settings = " ".join(f"{key}={value!r}" for key, value in sorted(event.settings.items()))
    return event.id, event.function, size, fields or "-", plain(settings)


def maps_to_data(compiled: CompiledProgram) -> dict[str, object]:
    """The same as JSON data, long structs by name; an event's settings are shown as Python writes them."""
    return {"maps": list(map(_map_data, compiled.maps)), "events": list(map(_event_data, compiled.events))}


def _map_data(spec: MapSpec) -> dict[str, object]:
    return {
        "name": spec.name,
        "kind": spec.kind,
        "key_size": spec.key_size,
        "value_size": spec.value_size,
        "max_entries": spec.max_entries,
        "key_type": _type_data(spec.key_type),
        "value_type": _type_data(spec.value_type),
    }


def _event_data(event: EventSpec) -> dict[str, object]:
    layout = record_layout(event.fields)
    return {
        "id": event.id,
        "function": event.function,
        "fixed_size": layout.fixed_size,
        "string_capacity": layout.string_capacity,
        "fields": [
            {"offset": offset, "type": type_data(type_), "long_string": is_long_string(type_)}
            for offset, type_ in zip(layout.offsets, layout.fields, strict=True)
        ],
        "settings": {key: repr(value) for key, value in sorted(event.settings.items())},
    }


def _type_cell(type_: Type | None) -> str:
    return "-" if type_ is None else type_text(type_)


def _type_data(type_: Type | None) -> object:
    return None if type_ is None else type_data(type_)
