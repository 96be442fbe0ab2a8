"""Facts about the running machine and this process's rights on it, each read from the place where Linux publishes it.

Everything here is a small file or a plain system call, so importing this costs next to nothing: it must not import
ctypes. What a fact means for a user is decided elsewhere.
"""

from __future__ import annotations

import os
import struct

_CPU_DIRECTORY = "/sys/devices/system/cpu"
_KERNEL_NOTES = "/sys/kernel/notes"
_LOCKDOWN = "/sys/kernel/security/lockdown"
_PID_NAMESPACE = "/proc/self/ns/pid"
#: PROC_PID_INIT_INO of include/linux/proc_ns.h: the inode of the pid namespace that the system booted with.
_INITIAL_PID_NAMESPACE = 0xEFFFFFFC
_NT_GNU_BUILD_ID = 3

#: include/uapi/linux/capability.h: the place in the list is the bit number.
CAPABILITIES = (
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
)


def architecture() -> str:
    """The machine field of uname(2): 'x86_64', 'aarch64', ..."""
    return os.uname().machine


def kernel_release() -> str:
    """The release field of uname(2)."""
    return os.uname().release


def kernel_build_id() -> str:
    """The GNU build id of the running kernel in lower-case hexadecimal, '' when it was built without one.

    Raises: OSError: no sysfs.
    """
    with open(_KERNEL_NOTES, "rb", buffering=0) as file:
        return build_id_of_notes(file.read())


def build_id_of_notes(notes: bytes) -> str:
    """The build id in ELF notes (elf(5)): u32 name size, u32 data size, u32 type, then both, each padded to 4 bytes."""
    position = 0
    while position + 12 <= len(notes):
        name_size, data_size, kind = struct.unpack_from("=III", notes, position)
        name = position + 12
        data = name + (name_size + 3 & ~3)
        if kind == _NT_GNU_BUILD_ID and notes[name : name + name_size] == b"GNU\0" and data + data_size <= len(notes):
            return notes[data : data + data_size].hex()
        position = data + (data_size + 3 & ~3)
    return ""


def possible_cpus() -> tuple[int, ...]:
    """The CPUs that the kernel has room for, ascending: each has a value in a per-CPU map. Raises OSError: no sysfs."""
    return _cpu_file("possible")


def online_cpus() -> tuple[int, ...]:
    """The CPUs that run now, ascending. Raises OSError: no sysfs."""
    return _cpu_file("online")


def _cpu_file(name: str) -> tuple[int, ...]:
    with open(os.path.join(_CPU_DIRECTORY, name), encoding="ascii") as file:
        return parse_cpu_list(file.read())


def parse_cpu_list(text: str) -> tuple[int, ...]:
    """(0, 1, 2, 3, 5) for '0-3,5' (the "list format" of cpuset(7)). Raises ValueError."""
    cpus: list[int] = []
    for part in text.strip().split(","):
        if part:
            first, dash, last = part.partition("-")
            cpus += range(int(first), int(last if dash else first) + 1)
    return tuple(cpus)


def pid_namespace() -> tuple[int, int, bool]:
    """(st_dev, st_ino, whether it is the initial one) of our pid namespace (namespaces(7)). Raises OSError."""
    status = os.stat(_PID_NAMESPACE)
    return status.st_dev, status.st_ino, status.st_ino == _INITIAL_PID_NAMESPACE


def is_root() -> bool:
    """Whether the effective user is root (of this user namespace)."""
    return os.geteuid() == 0


def effective_capabilities() -> frozenset[str]:
    """Names of the effective capabilities of this process: CapEff of proc_pid_status(5). Raises OSError: no /proc."""
    with open("/proc/self/status", encoding="ascii", errors="replace") as file:
        line = next(line for line in file if line.startswith("CapEff:"))
    mask = int(line.split()[1], 16)
    return frozenset(name for bit, name in enumerate(CAPABILITIES) if mask >> bit & 1)


def missing_capability(capabilities: frozenset[str] | None = None, root: bool | None = None) -> str | None:
    """The first capability that tracing needs and this process lacks; None when it has all.

    Others than root need to read any file; everybody needs CAP_SYS_ADMIN or, since Linux 5.8, CAP_BPF with CAP_PERFMON
    (capabilities(7)). The arguments default to this process's.
    """
    held = effective_capabilities() if capabilities is None else capabilities
    needed: tuple[str, ...] = ()
    if not (is_root() if root is None else root):
        needed += ("CAP_DAC_READ_SEARCH", "CAP_DAC_OVERRIDE")
    if "CAP_SYS_ADMIN" not in held:
        needed += ("CAP_BPF", "CAP_PERFMON")
    return next((name for name in needed if name not in held), None)


def lockdown() -> str | None:
    """The lockdown level in force (kernel_lockdown(7)): 'integrity', 'confidentiality', or None when it is off."""
    try:
        with open(_LOCKDOWN, encoding="ascii") as file:
            return parse_lockdown(file.read())
    except (FileNotFoundError, PermissionError):
        return None  # no lockdown in this kernel, or securityfs is hidden from us


def parse_lockdown(text: str) -> str | None:
    """'integrity' for 'none [integrity] confidentiality': the kernel puts brackets around the level in force."""
    level = text.partition("[")[2].partition("]")[0]
    return None if level in ("", "none") else level


def raise_memlock() -> bool:
    """Lifts RLIMIT_MEMLOCK, which limits BPF maps before Linux 5.11; whether that was permitted."""
    import resource

    try:
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    except (OSError, ValueError):  # ValueError is how `resource` reports EPERM
        return False
    return True


def raise_nofile(count: int) -> bool:
    """Lets this process open `count` files (RLIMIT_NOFILE); whether it can now. Never lowers the limit."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= count:
        return True
    enough = hard == resource.RLIM_INFINITY or hard >= count
    for limits in ((count, hard if enough else count), (hard, hard)):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        except (OSError, ValueError):
            continue
        return limits[0] >= count
    return False


def interfaces() -> tuple[str, ...]:
    """The names of the network interfaces of this network namespace, sorted. Raises OSError."""
    from socket import if_nameindex

    return tuple(sorted(name for _, name in if_nameindex()))


def loaded_modules() -> tuple[str, str]:
    """The names of the kernel's modules, sorted and with blanks between, and a digest of where in memory they are.

    A module that is loaded anew is elsewhere. (Lines of /proc/modules are name, size, users, who they are, state,
    address, see proc_modules(5); addresses are zeros for who may not know them.) No modules: ('', ...).
    """
    from binascii import crc32

    try:
        with open("/proc/modules", encoding="ascii") as file:
            rows = sorted((words[0], words[5]) for words in map(str.split, file) if len(words) > 5)
    except FileNotFoundError:
        rows = []  # a kernel without CONFIG_MODULES
    return " ".join(name for name, _ in rows), f"{crc32(repr(rows).encode()):08x}"


def boot_id() -> str:
    """A text that is another one each time the machine is started. Raises OSError."""
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return file.read().strip()
