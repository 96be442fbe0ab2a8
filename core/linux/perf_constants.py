"""The numbers of perf_event_open(2) that this tracer uses, named as in include/uapi/linux/perf_event.h.

Only numbers, and plain ones, because making enums takes longer than a run uses them. Which events a user can name, and
their default periods, is for the probe types to say.
"""

from __future__ import annotations


class PerfType:
    """enum perf_type_id. Other PMUs have a number given at boot (see `perf.pmu_type`)."""

    HARDWARE = 0
    SOFTWARE = 1
    TRACEPOINT = 2
    HW_CACHE = 3
    RAW = 4
    BREAKPOINT = 5


class Hardware:
    """enum perf_hw_id."""

    CPU_CYCLES = 0
    INSTRUCTIONS = 1
    CACHE_REFERENCES = 2
    CACHE_MISSES = 3
    BRANCH_INSTRUCTIONS = 4
    BRANCH_MISSES = 5
    BUS_CYCLES = 6
    STALLED_CYCLES_FRONTEND = 7
    STALLED_CYCLES_BACKEND = 8
    REF_CPU_CYCLES = 9


class Software:
    """enum perf_sw_ids."""

    CPU_CLOCK = 0
    TASK_CLOCK = 1
    PAGE_FAULTS = 2
    CONTEXT_SWITCHES = 3
    CPU_MIGRATIONS = 4
    PAGE_FAULTS_MIN = 5
    PAGE_FAULTS_MAJ = 6
    ALIGNMENT_FAULTS = 7
    EMULATION_FAULTS = 8
    DUMMY = 9
    BPF_OUTPUT = 10
    CGROUP_SWITCHES = 11


class AttributeFlag:
    """The bit field of struct perf_event_attr."""

    DISABLED = 1 << 0
    INHERIT = 1 << 1
    PINNED = 1 << 2
    EXCLUDE_USER = 1 << 4
    EXCLUDE_KERNEL = 1 << 5
    MMAP = 1 << 8
    COMM = 1 << 9
    FREQ = 1 << 10
    TASK = 1 << 13
    WATERMARK = 1 << 14
    SAMPLE_ID_ALL = 1 << 18
    MMAP2 = 1 << 23
    COMM_EXEC = 1 << 24


class BreakpointAccess:
    """HW_BREAKPOINT_* of include/uapi/linux/hw_breakpoint.h."""

    READ = 1
    WRITE = 2
    EXECUTE = 4


PERF_FLAG_FD_CLOEXEC = 1 << 3
#: struct perf_event_attr up to config2 (PERF_ATTR_SIZE_VER1): all that is used here, and every kernel takes it.
ATTRIBUTES_SIZE = 72

#: _IO('$', 0), _IO('$', 1), _IOW('$', 8, __u32)
PERF_EVENT_IOC_ENABLE = 0x2400
PERF_EVENT_IOC_DISABLE = 0x2401
PERF_EVENT_IOC_SET_BPF = 0x40042408
