"""The numbers of bpf(2) that this tracer uses, named as in include/uapi/linux/bpf.h without the common prefix.

Only numbers: what they are good for is in the files that use them. What is looked up by its name, or shown by it, is an
enum; the rest are plain integers, because making the enums takes longer than a run uses them.
"""

from __future__ import annotations

from enum import IntEnum


class Command(IntEnum):
    """enum bpf_cmd."""

    MAP_CREATE = 0
    MAP_LOOKUP_ELEM = 1
    MAP_UPDATE_ELEM = 2
    MAP_DELETE_ELEM = 3
    MAP_GET_NEXT_KEY = 4
    PROG_LOAD = 5
    OBJ_PIN = 6
    PROG_TEST_RUN = 10
    PROG_GET_NEXT_ID = 11
    PROG_GET_FD_BY_ID = 13
    OBJ_GET_INFO_BY_FD = 15
    RAW_TRACEPOINT_OPEN = 17
    BTF_LOAD = 18
    BTF_GET_FD_BY_ID = 19
    MAP_FREEZE = 22
    BTF_GET_NEXT_ID = 23
    MAP_LOOKUP_BATCH = 24
    MAP_DELETE_BATCH = 27
    LINK_CREATE = 28
    ITER_CREATE = 33


class MapType(IntEnum):
    """enum bpf_map_type: the generic maps and those of tracing."""

    HASH = 1
    ARRAY = 2
    PROG_ARRAY = 3
    PERF_EVENT_ARRAY = 4
    PERCPU_HASH = 5
    PERCPU_ARRAY = 6
    STACK_TRACE = 7
    CGROUP_ARRAY = 8
    LRU_HASH = 9
    LRU_PERCPU_HASH = 10
    LPM_TRIE = 11
    QUEUE = 22
    STACK = 23
    RINGBUF = 27
    TASK_STORAGE = 29
    BLOOM_FILTER = 30


PER_CPU_MAP_TYPES = frozenset({MapType.PERCPU_HASH, MapType.PERCPU_ARRAY, MapType.LRU_PERCPU_HASH})


class ProgramType(IntEnum):
    """enum bpf_prog_type: those of tracing, and those that can be run by hand."""

    SOCKET_FILTER = 1
    KPROBE = 2
    SCHED_CLS = 3
    TRACEPOINT = 5
    XDP = 6
    PERF_EVENT = 7
    RAW_TRACEPOINT = 17
    TRACING = 26
    LSM = 29
    SYSCALL = 31


class AttachType:
    """enum bpf_attach_type."""

    NONE = 0
    TRACE_RAW_TP = 23
    TRACE_FENTRY = 24
    TRACE_FEXIT = 25
    TRACE_ITER = 28
    XDP = 37
    PERF_EVENT = 41
    TRACE_KPROBE_MULTI = 42
    TCX_INGRESS = 46
    TCX_EGRESS = 47
    TRACE_UPROBE_MULTI = 48
    TRACE_KPROBE_SESSION = 56
    TRACE_UPROBE_SESSION = 57


class MapFlag:
    """Flags of BPF_MAP_CREATE."""

    NO_PREALLOC = 1 << 0
    NUMA_NODE = 1 << 2
    RDONLY = 1 << 3
    STACK_BUILD_ID = 1 << 5
    RDONLY_PROG = 1 << 7
    MMAPABLE = 1 << 10


class UpdateFlag:
    """Flags of BPF_MAP_UPDATE_ELEM: any key, only a new key, only a key that is there."""

    ANY = 0
    NOEXIST = 1
    EXIST = 2


class ProgramFlag:
    """Flags of BPF_PROG_LOAD."""

    SLEEPABLE = 1 << 4


#: link_create.{kprobe,uprobe}_multi.flags: the probe is on the return.
MULTI_RETURN = 1
#: test.flags: run on the CPU that test.cpu names.
TEST_RUN_ON_CPU = 1
#: Size of a name with its final NUL.
OBJ_NAME_LEN = 16
#: src_reg of a two-slot load: imm is a map's fd; imm is a map's fd and the next imm an offset in its value.
PSEUDO_MAP_FD = 1
PSEUDO_MAP_VALUE = 2
PSEUDO_BTF_ID = 3
