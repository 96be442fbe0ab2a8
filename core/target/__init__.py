"""The kernel and the binaries as the compiler sees them: one interface, live or captured in a directory.

The compiler reads the machine only through a Target, so that it can compile for another machine and that tests give
the same bytes everywhere. Nothing here loads or attaches anything.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cache, cached_property
from typing import TYPE_CHECKING

from ..frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from ..binary.dwarf_signature import Signature
    from ..probe import LoadSettings
    from ..types import Field, Type
    from .btf import Btf
    from .btf_c_types import BtfCTypes
    from .dependency import Dependency
    from .kernel_functions import KernelFunctions
    from .tracepoint_format import TracepointFormat

#: What stands in the place of a module for the kernel itself.
VMLINUX = "vmlinux"


@dataclass(frozen=True, slots=True)
class UserFunction:
    """A function of an ELF file: `address` as in its symbol table, `size` and `file_offset` in bytes.

    `path` is the file to be named to the kernel, to which `file_offset` belongs: that of a member of an archive is the
    archive.
    """

    path: str
    address: int
    size: int
    file_offset: int


@dataclass(frozen=True, slots=True)
class UserSymbol:
    """A function or variable of an ELF file: `address` as in its symbol table, `size` in bytes (0: unknown).

    `is_moved`: the file is a PIE or a shared object, which is loaded somewhere else than it says. `file_start` is the
    address at which the first byte of the file would be.
    """

    address: int
    size: int
    is_moved: bool
    file_start: int


@dataclass(frozen=True, slots=True)
class UserCode:
    """The bytes of a function of an ELF file. `machine` is 'x86_64', 'i386', 'aarch64', or 'unknown'."""

    machine: str
    code: bytes


@dataclass(frozen=True, slots=True)
class UsdtMarker:
    """One place of a static marker of an ELF file.

    `path` is the file to be named to the kernel, and bytes of it are counted by `offset`, the place, and `semaphore`,
    the 16-bit number of its users (0 without one). `arguments` are the compiler's descriptions of where the arguments
    are, in which numbers stand for the symbols that are known, as `core.binary.usdt_notes` does it; `machine` says
    whose registers they name: 'x86_64', 'i386', 'aarch64', or 'unknown'.
    """

    path: str
    provider: str
    name: str
    offset: int
    semaphore: int
    arguments: str
    machine: str


class Target(ABC):
    """One machine. What is not there is None or empty, never an error; OSError means that it could not be read."""

    def __init__(self, name: str) -> None:
        self.name = name  # 'live', or 'directory:PATH'
        #: Names of features that are not to be used, whatever the kernel can do.
        self.without: frozenset[str] = frozenset()
        #: Where debug files are looked for before the usual places.
        self.debug_directories: tuple[str, ...] = ()
        self._facts: dict[Dependency, None] = {}

    @property
    def dependencies(self) -> list[Dependency]:
        """Every fact beyond the kernel that has been read so far, each once, in order of the first reading."""
        return list(self._facts)

    def remember(self, dependency: Dependency) -> None:
        """For implementations: add a fact to `dependencies`."""
        self._facts[dependency] = None

    @property
    def warnings(self) -> tuple[str, ...]:
        """What who compiles for this target should know beforehand, a sentence each."""
        return ()

    @staticmethod
    def live(*, traceable_functions: str | None = None, types: str | None = None) -> Target:
        """This machine. Facts are read when they are asked for, not now.

        `traceable_functions` is a file to read instead of ftrace's list, `types` one with BTF instead of the kernel's.
        """
        if types:
            from .live_types import OtherTypes

            return OtherTypes(types, traceable_functions)
        from .live import LiveTarget

        return LiveTarget(traceable_functions)

    @staticmethod
    def from_directory(path: str) -> Target:
        """A captured machine (see directory.py). Raises OSError and ValueError."""
        from .directory import DirectoryTarget

        return DirectoryTarget(path)

    @property
    @abstractmethod
    def architecture(self) -> str:
        """'x86_64', 'aarch64', ...: the machine field of uname(2)."""

    @property
    @abstractmethod
    def kernel_release(self) -> str:
        """'6.18.44-custom': the release field of uname(2)."""

    @property
    @abstractmethod
    def kernel_build_id(self) -> str:
        """The GNU build id of the running kernel, lower-case hexadecimal."""

    @property
    @abstractmethod
    def possible_cpus(self) -> tuple[int, ...]:
        """The CPUs that per-CPU maps have a value for, ascending."""

    @property
    @abstractmethod
    def online_cpus(self) -> tuple[int, ...]:
        """The CPUs that run now, ascending."""

    @property
    @abstractmethod
    def pid_namespace(self) -> tuple[int, int] | None:
        """(st_dev, st_ino) of our pid namespace, for bpf_get_ns_current_pid_tgid; None when it is the initial one."""

    @property
    @abstractmethod
    def btf(self) -> Btf | None:
        """The kernel's types, None on a kernel without BTF. Raises BtfError when they are malformed."""

    def module_btf(self) -> Iterable[tuple[str, Btf]]:
        """(module, its types, a SplitBtf over those of `btf`) of the kernel's modules. Raises BtfError."""
        return ()

    @cached_property
    def btf_readers(self) -> dict[str, Btf]:
        """The same readers at every question, by module: those of `module_btf` behind 'vmlinux', the kernel's own."""
        return {} if self.btf is None else {VMLINUX: self.btf, **dict(self.module_btf())}

    @cached_property
    def function_slots(self) -> Mapping[str, Mapping[str, int]]:
        """What `btf_functions.function_slots` says of each of `btf_readers`, by module: for lists, which are no part of
        a compilation, and so it remembers no dependency. Raises BtfError, OSError."""
        return self._function_slots()

    def _function_slots(self) -> Mapping[str, Mapping[str, int]]:
        from .btf_functions import function_slots

        return {module: function_slots(btf) for module, btf in self.btf_readers.items()}

    @cached_property
    def c_types(self) -> BtfCTypes:
        """The C types of the kernel and, behind them, of its modules."""
        from .btf_c_types import BtfCTypes

        return BtfCTypes(lambda: self.btf, lambda: list(self.btf_readers.values())[1:])

    def kernel_functions(self) -> KernelFunctions:
        """The functions that can be traced. Raises OSError: the list that the user named cannot be read."""
        from .kernel_functions import KernelFunctions

        return KernelFunctions(b"\n")

    def has_function(self, name: str) -> bool:
        """Whether the kernel's own types have a function of that name."""
        from .btf_types import Func

        return self.btf is not None and self.btf.find(name, (Func,)) is not None

    def has_variable(self, name: str) -> bool:
        """Whether the kernel's own types have a (per-CPU) variable of that name."""
        from .btf_types import Var

        return self.btf is not None and self.btf.find(name, (Var,)) is not None

    def is_kfunc(self, name: str) -> bool | None:
        """Whether the kernel marks its function as one that BPF programs call; None when it marks none."""
        from .kfuncs import is_marked

        return None if self.btf is None else is_marked(self.btf.unwatched, name)

    def kfunc_allowed(self, name: str, program_type: str, settings: Callable[[], LoadSettings]) -> bool:
        """Whether BPF programs of that type may call the kernel's function; `settings` are such a program's.

        Raises: NotCaptured: this target cannot tell; KernelError: the kernel cannot be asked; what `settings` raises.
        """
        from .kfuncs import NotCaptured

        raise NotCaptured("only the machine itself can be asked")

    def kernel_modules(self) -> tuple[str, ...]:
        """The loaded modules, sorted, and 'vmlinux' for the kernel itself."""
        return ("vmlinux",)

    def kernel_function_size(self, name: str) -> int | None:
        """The size of a function of the kernel in bytes; None when no file with the kernel's symbols is found."""
        return None

    def bpf_functions(self) -> tuple[tuple[int, str], ...]:
        """(id of the program, function) of the functions of all running BPF programs with BTF, sorted.

        Raises KernelError.
        """
        return ()

    @property
    @abstractmethod
    def kernel_features(self) -> frozenset[str]:
        """Names of features.py: what the kernel can do."""

    @property
    def features(self) -> frozenset[str]:
        """Those of them that are to be used."""
        return self.kernel_features - self.without

    @abstractmethod
    def tracepoints(self) -> list[tuple[str, str]]:
        """(category, event) of every tracepoint, sorted."""

    @abstractmethod
    def tracepoint_text(self, category: str, event: str) -> str | None:
        """The tracefs `format` file of a tracepoint."""

    def tracepoint_format(self, category: str, event: str) -> TracepointFormat | None:
        """The same, parsed. Raises TracepointFormatError when the kernel's text cannot be understood."""
        text = self.tracepoint_text(category, event)
        if text is None:
            return None
        from .tracepoint_format import parse_format

        return parse_format(text)

    @abstractmethod
    def user_function(self, path: str, symbol: str) -> UserFunction | None:
        """The first function called `symbol` in the ELF file at `path`; None too when that is no ELF file.

        Raises ElfError (a ValueError) when its tables are corrupt.
        """

    @abstractmethod
    def user_functions(self, path: str) -> list[str]:
        """The names of all functions in the ELF file at `path`, sorted, each once."""

    def user_function_at(self, path: str, address: int) -> tuple[str, UserFunction] | None:
        """The innermost function around a link-time address of the ELF file at `path`, and its name.

        Raises ElfError.
        """
        found: tuple[str, UserFunction] | None = None
        for name in self.user_functions(path):
            function = self.user_function(path, name)
            if function is None or not 0 <= address - function.address < max(function.size, 1):
                continue
            if found is None or function.address > found[1].address:
                found = name, function
        return found

    def user_symbol(self, path: str, name: str) -> UserSymbol | None:
        """The first function called `name` in the ELF file at `path`, or else the first variable.

        Raises ElfError.
        """
        return None

    def user_address(self, path: str, file_offset: int) -> int | None:
        """The address, as in the symbol table, of a place of the ELF file at `path`; `file_offset` counts as that of
        `UserFunction`. None for what is not loaded. Raises ElfError."""
        return None

    def user_code(self, function: UserFunction) -> UserCode | None:
        """The instructions of a function that this target has found; None when they are not known."""
        return None

    def usdt_markers(self, path: str) -> list[UsdtMarker]:
        """All places of all static markers of the ELF file at `path`, sorted by provider, name and offset.

        Raises ElfError when its notes are corrupt.
        """
        return []

    def user_signature(self, path: str, address: int) -> Signature | None:
        """The function that begins at `address` of the ELF file at `path`; None when there is no debug information.

        Raises NoFunction and DwarfError (both ValueErrors): there is, but not of this function, or it is corrupt.
        """
        return None

    def user_type(self, path: str, tag: str, name: str) -> Type | None:
        """The first type of the ELF file's debug information that is called `tag name` ('struct', 'union', 'enum'), or
        without a tag a typedef or a base type. Raises DwarfError."""
        return None

    def user_members(self, path: str, name: str) -> tuple[Field, ...] | None:
        """The members of a struct of that debug information by its full name, 'struct foo'; None when it is not
        defined there. Raises DwarfError."""
        return None

    def source_address(self, path: str, file: str, line: int, column: int | None) -> int | None:
        """The link-time address of a line of a source file of the ELF file; None when there is no debug information.

        Raises SourceError (a ValueError): there is no such place. DwarfError.
        """
        return None

    @abstractmethod
    def resolve_binary(
        self, name: str, pid: int | None = None, *, any_file: bool = False, short_names: bool = True
    ) -> list[str]:
        """The paths that `name` in an attach point stands for, in the order in which they are searched.

        `name` is a path, a name on $PATH, `libNAME` for a library of the process or of the dynamic loader's cache (when
        there are `short_names`), or any of the first two with a glob; '*' stands for all files that are mapped as code,
        and '' for the program of the process. `pid` is that of `-p`, whose files count then. Only ELF files that can be
        probed are found, unless `any_file`. Paths are not made absolute; a library in an archive is FILE.zip!/PATH.
        Raises OSError where the process cannot be looked at.
        """

    def interfaces(self) -> tuple[str, ...]:
        """The names of the network interfaces, sorted."""
        return ()

    @abstractmethod
    def cgroup_id(self, path: str) -> int:
        """The id of the cgroup v2 directory at `path`. Raises OSError when it is not there."""

    @abstractmethod
    def has_kernel_symbol(self, name: str) -> bool:
        """Whether the kernel has a symbol and shows its address, that `Emitter.kernel_symbol` gives. Raises OSError."""


@cache
def running() -> Target:
    """The running kernel, for those who look something up just before a program is loaded: made once a process."""
    return Target.live()
