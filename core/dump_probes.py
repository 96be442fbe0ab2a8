"""The probe-expand artifact as text and as JSON: one row per BPF program to be."""

from __future__ import annotations

from .artifacts import ExpandedProbe, ExpandedProgram
from .dump_columns import columns, plain

_TITLES = ("program", "probe", "variant", "pid", "settings")


def dump_probes(expanded: ExpandedProgram) -> str:
    """`variant` numbers the bodies of one probe; `pid` is the process that the program itself tests for.

    Below a program that runs at entry and return stands the probe whose body it runs at return.
    """
    rows: list[tuple[object, ...]] = [_TITLES]
    for probe in expanded.probes:
        settings = " ".join(f"{key}={value}" for key, value in sorted(probe.point.settings.items()))
        pid = "-" if probe.pid_filter is None else probe.pid_filter
        rows.append((probe.program_name, plain(probe.point.name), _variant(expanded, probe), pid, plain(settings)))
        if (exit_ := probe.on_return) is not None:
            rows.append(("  on return", plain(exit_.point.name), _variant(expanded, exit_), pid, ""))
    return columns(rows)


def probes_to_data(expanded: ExpandedProgram) -> list[dict[str, object]]:
    """The same as JSON data."""
    return [_row(expanded, probe) for probe in expanded.probes]


def _row(expanded: ExpandedProgram, probe: ExpandedProbe) -> dict[str, object]:
    return {
        "program": probe.program_name,
        "probe": probe.point.name,
        "type": probe.point.probe_type,
        "span": [probe.node.span.start, probe.node.span.end],
        "variant": _variant(expanded, probe),
        "pid_filter": probe.pid_filter,
        "settings": dict(probe.point.settings),
        **({} if probe.on_return is None else {"on_return": _row(expanded, probe.on_return)}),
    }


def _variant(expanded: ExpandedProgram, probe: ExpandedProbe) -> int:
    """The variant's number among those of its probe."""
    variants = (v for typed in expanded.typed.probes if typed.node is probe.node for v in enumerate(typed.variants))
    return next(number for number, variant in variants if variant is probe.variant)
