"""Loads and attaches programs of the type 'tracing': what each attaches to is a type in some BTF, found by its name.

A compiled program may run on another kernel than the one that it was compiled for, and a module's types get new numbers
when it is built again, so the numbers are looked up just before a program is loaded. It is apart from the probe types
because compiling does not need it, and must not import the compiler.
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

from ....core.linux import bpf
from ....core.linux.errors import KernelError
from ....core.probe import AttachPointError, DescriptorLink, Link, LoadSettings, NoMatch
from ....core.target import VMLINUX, running
from ....core.target.btf_types import BtfError

if TYPE_CHECKING:
    from ....core.target.btf import Btf


def settings_in_kernel(attach_type: int, module: str, kind: type, name: str, shown: str) -> LoadSettings:
    """Those for the type `name` of a kind of BTF type, in the kernel's BTF ('vmlinux') or that of a module.

    `shown` is what the attach point calls it. Raises: NoMatch: it is not there. AttachPointError, KernelError.
    """
    btf = _reader(module)
    type_id = None if btf is None else btf.find(name, (kind,))
    if type_id is None:
        raise NoMatch(f"No BTF found for {module}:{shown}.")
    return LoadSettings(attach_type, type_id, 0 if module == VMLINUX else _module_descriptor(module, shown))


def _reader(module: str) -> Btf | None:
    try:
        machine = running()
        return machine.btf if module == VMLINUX else machine.btf_readers.get(module)
    except (BtfError, OSError) as error:
        raise AttachPointError(f"Could not read the BTF of {module}: {error}") from error


def _module_descriptor(module: str, shown: str) -> int:
    from ....core.linux.bpf_objects import open_module_btf

    descriptor = open_module_btf(module)
    if descriptor is None:
        raise NoMatch(f"No BTF found for {module}:{shown}.")
    return descriptor


def settings_in_program(attach_type: int, program: int, function: str) -> LoadSettings:
    """Those for a function of a running BPF program. Raises: NoMatch: it has ended. KernelError."""
    from ....core.linux import bpf_objects
    from ....core.target.bpf_functions import function_ids

    missing = f"No valid BPF program found with name: {function} and id: {program}."
    try:
        target_fd = bpf_objects.open_program(program)
    except KernelError as error:
        if error.errno == errno.ENOENT:
            raise NoMatch(missing) from error
        raise
    try:
        found = bpf_objects.program_functions(target_fd)
        type_id = None if found is None else function_ids(found).get(function)
        if type_id is None:
            raise NoMatch(missing)
    except BaseException:
        os.close(target_fd)
        raise
    return LoadSettings(attach_type, type_id, target_fd)


def attach_tracing(program_fd: int, name: str, texts: dict[int, str]) -> Link:
    """Attaches a program to what it was loaded for. `name` is that of its probe; `texts`: what an errno of the kernel
    means, where that is known.

    Raises: AttachPointError, KernelError.
    """
    try:
        return DescriptorLink([bpf.raw_tracepoint_open("", program_fd)])
    except KernelError as error:
        if error.errno in texts:
            raise AttachPointError(texts[error.errno]) from error
        raise KernelError(error.errno or 0, error.call, name) from error


def trampoline_texts(name: str) -> dict[int, str]:
    """For `attach_tracing`, of a program on a function (register_fentry in kernel/bpf/trampoline.c)."""
    return {
        errno.EBUSY: f"{name} is traced by something that shares it with nobody",
        errno.EINVAL: f'{name} is not traceable (inlined, marked as "notrace", or gone since the kernel has started)',
    }
