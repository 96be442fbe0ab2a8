"""Who runs: process and thread ids, names, owners, the CPU and the cgroup. Values only; nothing here prints."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, ClassVar

from ...core.function import CallSite, EmitSite, Function, Signature
from ...core.types import BOOL, UINT32, UINT64, Pointer, String, Struct, Tuple, Type
from .checked import checked

if TYPE_CHECKING:
    from ...core.emitter import Emitter, Value

#: struct bpf_pidns_info of include/uapi/linux/bpf.h: u32 pid (the thread's), u32 tgid (the process's).
_NAMESPACE_IDS_SIZE = 8
_THREAD_OFFSET, _PROCESS_OFFSET = 0, 4
#: TASK_COMM_LEN of include/linux/sched.h.
_COMM_SIZE = 16


def process_id(emitter: Emitter, *, initial: bool = False) -> Value:
    """The current process's id as seen from the tracer's PID namespace, or from the initial one."""
    if initial or emitter.pid_namespace is None:
        both = emitter.helper("get_current_pid_tgid")
        return emitter.cast(emitter.binary(">>", both, emitter.constant(32)), UINT32)
    return emitter.load(_namespace_ids(emitter, emitter.pid_namespace), UINT32, _PROCESS_OFFSET)


def thread_id(emitter: Emitter, *, initial: bool = False) -> Value:
    """The same for the current thread."""
    if initial or emitter.pid_namespace is None:
        return emitter.cast(emitter.helper("get_current_pid_tgid"), UINT32)
    return emitter.load(_namespace_ids(emitter, emitter.pid_namespace), UINT32, _THREAD_OFFSET)


def _namespace_ids(emitter: Emitter, namespace: tuple[int, int]) -> Value:
    device, inode = (emitter.constant(number, UINT64) for number in namespace)
    ids = emitter.scratch(_NAMESPACE_IDS_SIZE)
    # The helper leaves zeros when it fails, for instance for a task that the namespace does not contain.
    checked(emitter, "get_ns_current_pid_tgid", device, inode, ids, emitter.constant(_NAMESPACE_IDS_SIZE))
    return ids


class ProcessId(Function):
    """`pid`: the process (thread group) that runs; `pid(init)` in the initial PID namespace."""

    names: ClassVar[tuple[str, ...]] = ("pid",)
    bare: ClassVar[bool] = True
    signature: ClassVar[Signature] = Signature(maximum=1, words=frozenset({0}))

    def type_of(self, call: CallSite) -> Type:
        word = call.word(0)
        if call.types and word is None:
            call.error(f"{call.name}() only supports curr_ns and init as the argument", 0)
        elif word not in (None, "curr_ns", "init"):
            call.error(f"Invalid PID namespace mode: {word} (expects: curr_ns or init)", 0)
        return UINT32

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        return process_id(emitter, initial=call.word(0) == "init")


class ThreadId(ProcessId):
    """`tid`: the thread that runs."""

    names: ClassVar[tuple[str, ...]] = ("tid",)

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        return thread_id(emitter, initial=call.word(0) == "init")


class CommandName(Function):
    """`comm`: the name of the thread that runs."""

    names: ClassVar[tuple[str, ...]] = ("comm",)
    bare: ClassVar[bool] = True

    def type_of(self, call: CallSite) -> Type:
        return String(_COMM_SIZE)

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        from ...core.emitter import Value

        name = emitter.scratch(_COMM_SIZE, string=True)
        # Linux 6.1 leaves what follows the NUL as it was (strscpy), and in a map's key it counts.
        emitter.zero(name, _COMM_SIZE)
        checked(emitter, "get_current_comm", name, emitter.constant(_COMM_SIZE))
        return Value(name.handle, String(_COMM_SIZE))


class TaskName(Function):
    """`__task_name(id, probetype)`: whether there is a thread of that number, and its name.

    The library's `comm(id)` is made of it. The number is that of the initial PID namespace. Who calls it has asked
    whether the kernel has what it takes.
    """

    names: ClassVar[tuple[str, ...]] = ("__task_name",)
    needs_probe: ClassVar[bool] = True
    signature: ClassVar[Signature] = Signature(2, 2, kinds={0: ("int",)}, literals={1: "string"})
    _result: ClassVar[Tuple] = Tuple((BOOL, String(_COMM_SIZE)))

    def type_of(self, call: CallSite) -> Type:
        word = call.literal(1)
        assert isinstance(word, bytes), "the library's macro gives it"
        if not _may_ask_for_tasks(call):
            call.error(f"Syntax comm(PID) is not supported in this probe type yet. Type: {word.decode()}")
        return self._result

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        from ...core.c_types import member
        from ...core.emitter import Value

        struct = call.target.c_types.named("struct", "task_struct")
        assert isinstance(struct, Struct), "a kernel that is known to have the function has types"
        field = member(call.target.c_types, struct, "comm")
        assert field is not None, "each task has a name"
        result = emitter.scratch(1 + _COMM_SIZE)
        emitter.zero(result, 1 + _COMM_SIZE)
        # What the kernel gives has to be given back by this very path, so it must not get into a variable.
        task = emitter.kfunc("bpf_task_from_pid", call.value(0), result=Pointer(struct, "kernel"))
        with emitter.when(emitter.compare("!=", task, emitter.constant(0))):
            name = emitter.offset(result, 1)
            emitter.read_string("kernel", name, _COMM_SIZE, emitter.offset(task, field.offset), _COMM_SIZE)
            emitter.kfunc("bpf_task_release", task)
            emitter.store(result, emitter.constant(1, BOOL))
        return Value(result.handle, self._result)


def _may_ask_for_tasks(call: CallSite) -> bool:
    from ...core.kernel_calls import may_call
    from ...core.linux.errors import KernelError
    from ...core.probe import NoMatch
    from ...core.target.kfuncs import NotCaptured

    try:
        return may_call(call.target, "bpf_task_from_pid", call.probe_type, call.point)
    except (NotCaptured, KernelError, NoMatch):
        return True  # then the verifier is the first to say it


class UserId(Function):
    """`uid`: the user that runs, as the initial user namespace numbers it."""

    names: ClassVar[tuple[str, ...]] = ("uid",)
    bare: ClassVar[bool] = True

    def type_of(self, call: CallSite) -> Type:
        return UINT64

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        both = emitter.helper("get_current_uid_gid")
        return emitter.cast(emitter.binary("&", both, emitter.constant(0xFFFF_FFFF)), UINT64)


class GroupId(UserId):
    """`gid`: the group, likewise."""

    names: ClassVar[tuple[str, ...]] = ("gid",)

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        both = emitter.helper("get_current_uid_gid")
        return emitter.cast(emitter.binary(">>", both, emitter.constant(32)), UINT64)


class Cpu(Function):
    """`cpu`: the CPU that the probe runs on."""

    names: ClassVar[tuple[str, ...]] = ("cpu",)
    bare: ClassVar[bool] = True

    def type_of(self, call: CallSite) -> Type:
        return UINT64

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        return emitter.cast(emitter.helper("get_smp_processor_id"), UINT64)


class Cgroup(Function):
    """`cgroup`: the id of the task's cgroup in the version 2 hierarchy."""

    names: ClassVar[tuple[str, ...]] = ("cgroup",)
    bare: ClassVar[bool] = True

    def type_of(self, call: CallSite) -> Type:
        return UINT64

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        return emitter.cast(emitter.helper("get_current_cgroup_id"), UINT64)


class CgroupId(Function):
    """`cgroupid("PATH")`: the id of the cgroup at a path, known when the script is compiled."""

    names: ClassVar[tuple[str, ...]] = ("cgroupid",)
    signature: ClassVar[Signature] = Signature(1, 1, literals={0: "string"}, formats=frozenset({0}))

    def type_of(self, call: CallSite) -> Type:
        path = _path(call.literal(0))
        try:
            call.target.cgroup_id(path)
        except OSError as error:
            call.error(f'Failed to get `cgroupid` for path: "{path}": {os.strerror(error.errno or 0)}', 0)
        return UINT64

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        return emitter.constant(call.target.cgroup_id(_path(call.literal(0))), UINT64)


def _path(literal: int | bytes | bool | None) -> str:
    assert isinstance(literal, bytes), "the signature asks for a string literal"
    return os.fsdecode(literal)


class ChildId(Function):
    """`cpid`: the process that `-c` started; without one 0 and a warning."""

    names: ClassVar[tuple[str, ...]] = ("cpid",)
    bare: ClassVar[bool] = True

    def type_of(self, call: CallSite) -> Type:
        return UINT64

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        pid = emitter.global_value("cpid")
        with emitter.when(emitter.compare("==", pid, emitter.constant(0))):
            emitter.count_failure("", emitter.constant(0), "No child command (`-c`); cpid is zero")
        return emitter.cast(pid, UINT64)


class HasChild(Function):
    """`has_cpid`: whether there is a process that `-c` started."""

    names: ClassVar[tuple[str, ...]] = ("has_cpid",)
    bare: ClassVar[bool] = True

    def type_of(self, call: CallSite) -> Type:
        return BOOL

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        return emitter.compare("!=", emitter.global_value("cpid"), emitter.constant(0))


FUNCTIONS = (
    ProcessId(),
    ThreadId(),
    CommandName(),
    TaskName(),
    UserId(),
    GroupId(),
    Cpu(),
    Cgroup(),
    CgroupId(),
    ChildId(),
    HasChild(),
)
