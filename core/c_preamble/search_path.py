"""Tells the C compiler where headers are and what is predefined: the arguments of libclang's parser.

Reads directories only to see whether they are there; knows nothing of the script.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..compile_options import CompileOptions

#: The few headers of a C compiler's own, which the libclang wheel leaves out.
BUILT_IN_HEADERS = os.path.join(os.path.dirname(__file__), "headers")
KERNEL_MACROS = ("__KERNEL__", "__BPF_TRACING__", *(f"__HAVE_BUILTIN_BSWAP{bits}__" for bits in (16, 32, 64)),
                 'KBUILD_MODNAME="bpftrace"')  # fmt: skip
#: Defined where the kernel's types come from BTF: scripts guard includes of kernel headers with the first, and the
#: second keeps the kernel's own <linux/types.h> from saying the same again.
TYPES_GUARD = "_LINUX_TYPES_H"
BTF_MACROS = ("BPFTRACE_HAVE_BTF", TYPES_GUARD)
#: What that header says besides, which is not in BTF because it is no type (include/uapi/linux/types.h).
_TYPES_MACROS = ("__bitwise=", "__bitwise__=", *(f"__aligned_{name}=__{name} __attribute__((aligned(8)))"
                 for name in ("u64", "s64", "be64", "le64")))  # fmt: skip
#: The name of arch/NAME in the kernel's tree, for a machine in uname(2)'s words.
KERNEL_ARCHITECTURES = {
    "x86_64": "x86", "i686": "x86", "aarch64": "arm64", "armv7l": "arm", "ppc64le": "powerpc", "ppc64": "powerpc",
    "s390x": "s390", "riscv64": "riscv", "loongarch64": "loongarch", "mips64": "mips",
}  # fmt: skip


def clang_arguments(options: CompileOptions, architecture: str, release: str, has_btf: bool) -> list[str]:
    """The arguments for a C file of a machine: `architecture` and `release` as in uname(2)."""
    arguments = ["-x", "c", f"--target={architecture}-linux-gnu", "-ferror-limit=0", "-w", "-nostdinc"]
    arguments += [f"-I{directory}" for directory in options.include_directories]
    arguments += _kernel_arguments(architecture, release)
    arguments += ["-isystem", BUILT_IN_HEADERS]
    for directory in ("/usr/local/include", f"/usr/include/{architecture}-linux-gnu", "/usr/include"):
        arguments += ["-isystem", directory]
    if has_btf:
        arguments += [f"-D{macro}" for macro in (*BTF_MACROS, *_TYPES_MACROS)]
    for path in options.include_files:
        arguments += ["-include", path]
    return arguments


def kernel_trees(release: str) -> tuple[str, str]:
    """Where the running kernel's headers are if they are installed."""
    return os.path.join("/lib/modules", release, "source"), os.path.join("/lib/modules", release, "build")


def _kernel_arguments(architecture: str, release: str) -> Iterator[str]:
    """For a tree of kernel headers, where there is one: the environment's, else that of the running kernel."""
    places = [os.environ.get("BPFTRACE_KERNEL_SOURCE"), os.environ.get("BPFTRACE_KERNEL_BUILD")]
    if not any(places):
        places = list(kernel_trees(release))
    trees = list(dict.fromkeys(place for place in places if place and os.path.isdir(place)))
    if not trees:
        return
    arch = os.environ.get("ARCH") or KERNEL_ARCHITECTURES.get(architecture, architecture)
    insides = (f"arch/{arch}/include", f"arch/{arch}/include/generated", "include", f"arch/{arch}/include/uapi",
               f"arch/{arch}/include/generated/uapi", "include/uapi", "include/generated/uapi")  # fmt: skip
    for inside in insides:
        for tree in trees:
            if os.path.isdir(os.path.join(tree, inside)):
                yield from ("-isystem", os.path.join(tree, inside))
    for tree in trees:
        configuration = os.path.join(tree, "include/linux/kconfig.h")
        # It includes the tree's own settings, which a bare source tree does not have.
        if os.path.isfile(configuration) and any(
            os.path.isfile(os.path.join(other, "include/generated/autoconf.h")) for other in trees
        ):
            yield from ("-include", configuration)
            break
    yield from (f"-D{macro}" for macro in KERNEL_MACROS)
    if os.environ.get("ARCH"):
        yield f"-D__TARGET_ARCH_{arch}"
