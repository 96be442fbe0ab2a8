"""bpf(2) for the rest of the house: `from pybpftrace.core.linux import bpf`, then `bpf.create_map(...)`.

It only gathers the names; maps, programs and links are each in a file of their own.
"""

from __future__ import annotations

from .bpf_constants import (
    PER_CPU_MAP_TYPES,
    PSEUDO_BTF_ID,
    PSEUDO_MAP_FD,
    PSEUDO_MAP_VALUE,
    AttachType,
    Command,
    MapFlag,
    MapType,
    ProgramFlag,
    ProgramType,
    UpdateFlag,
)
from .bpf_links import (
    cgroup_iterator,
    create_iterator,
    create_iterator_link,
    create_kprobe_multi_link,
    create_link,
    create_perf_event_link,
    create_uprobe_multi_link,
    object_info,
    pin,
    raw_tracepoint_open,
    recursion_misses,
    task_iterator,
)
from .bpf_maps import (
    copied_size,
    create_map,
    delete,
    delete_batch,
    freeze,
    lookup,
    next_key,
    read_batches,
    update,
    zero_batch,
)
from .bpf_programs import (
    LoadedProgram,
    ProgramImage,
    load_btf,
    load_program,
    load_program_with_log,
    test_run,
)
from .errors import KernelError, VerifierError

__all__ = [
    "PER_CPU_MAP_TYPES",
    "PSEUDO_BTF_ID",
    "PSEUDO_MAP_FD",
    "PSEUDO_MAP_VALUE",
    "AttachType",
    "Command",
    "KernelError",
    "LoadedProgram",
    "MapFlag",
    "MapType",
    "ProgramFlag",
    "ProgramImage",
    "ProgramType",
    "UpdateFlag",
    "VerifierError",
    "cgroup_iterator",
    "copied_size",
    "create_iterator",
    "create_iterator_link",
    "create_kprobe_multi_link",
    "create_link",
    "create_map",
    "create_perf_event_link",
    "create_uprobe_multi_link",
    "delete",
    "delete_batch",
    "freeze",
    "load_btf",
    "load_program",
    "load_program_with_log",
    "lookup",
    "next_key",
    "object_info",
    "pin",
    "raw_tracepoint_open",
    "read_batches",
    "recursion_misses",
    "task_iterator",
    "test_run",
    "update",
    "zero_batch",
]
