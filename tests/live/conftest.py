"""Live tests need root and a kernel that permits BPF; elsewhere they are skipped with the reason."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


def _missing() -> str | None:
    from pybpftrace.core.linux import bpf, machine
    from pybpftrace.core.linux.errors import KernelError

    capability = machine.missing_capability()
    if capability:
        return f"needs {capability}: run the tests as root"
    try:
        import os

        os.close(bpf.create_map(bpf.MapType.ARRAY, 4, 8, 1))
    except KernelError as error:
        return f"the kernel does not permit BPF: {error}"
    return None


_REASON = _missing()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if _REASON is None:
        return
    for item in items:
        if item.get_closest_marker("live"):
            item.add_marker(pytest.mark.skip(reason=_REASON))
