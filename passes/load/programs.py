"""Puts a program's instructions into the kernel: maps and what is the kernel's filled in, type information beside them.

What the verifier says when it refuses is explained in terms of the script elsewhere.
"""

from __future__ import annotations

import os
import struct
import sys
from collections.abc import Mapping

from ...core.artifacts import KERNEL_KINDS, CompiledProgram, ProgramSpec
from ...core.linux import bpf
from ...core.linux.errors import KernelError
from ...core.probe import AttachPointError, LoadSettings, NoMatch
from ...core.run import LoadError, RunOptions, load_error
from .kernel_names import KernelNames
from .missing import MissingProbes

_INSTRUCTION_SIZE = 8
#: opcode of the two-slot load of a 64-bit constant (BPF_LD | BPF_IMM | BPF_DW).
_LOAD_CONSTANT = 0x18
#: The source register of such a load says what its constant stands for.
_SOURCES = {
    "map": bpf.PSEUDO_MAP_FD,
    "map_value": bpf.PSEUDO_MAP_VALUE,
    "kernel_variable": bpf.PSEUDO_BTF_ID,
    "kernel_symbol": 0,  # itself
}
#: The source register, the opcode (BPF_JMP | BPF_CALL) and the slots of a call of a kernel function.
_CALL = 2, 0x85, 1
#: The largest log that the kernel keeps; a longer one has lost lines.
_LOG_LIMIT = (16 << 20) - 2


class Programs:
    """The loaded programs of one CompiledProgram, each with its descriptor, in its order.

    Those whose target is missing are left out, if `missing` lets them be. Raises: LoadError: when the kernel refuses
    one; the others are closed again. KernelError: when it refuses the types that one needs.
    """

    def __init__(
        self, compiled: CompiledProgram, maps: Mapping[str, int], options: RunOptions, missing: MissingProbes
    ) -> None:
        self.loaded: list[tuple[ProgramSpec, int]] = []
        kernel = KernelNames(compiled.source)
        has_callbacks = any(len(program.functions) > 1 for program in compiled.programs)
        btf = _load_btf(compiled.btf, needed=has_callbacks)
        try:
            for program in compiled.programs:
                try:
                    settings = options.probe_types[program.point.probe_type].load_settings(program)
                except NoMatch as error:
                    missing.at_load(error)
                    continue
                except (AttachPointError, KernelError) as error:
                    missing.at_attach(program, error)
                    continue
                try:
                    self.loaded.append((program, _load(program, settings, compiled, maps, kernel, btf, options)))
                finally:
                    if settings.target_fd:
                        os.close(settings.target_fd)
        except BaseException:
            self.close()
            raise
        finally:
            if btf:
                os.close(btf)  # the programs hold on to it

    def close(self) -> None:
        while self.loaded:
            os.close(self.loaded.pop()[1])


def _load_btf(blob: bytes, *, needed: bool) -> int:
    """The fd of the program's own types, 0 without.

    The kernel takes no callback whose type it does not know. All else runs without types, which then only make programs
    easier to inspect.
    """
    if not blob:
        return 0
    try:
        return bpf.load_btf(blob)
    except KernelError:
        if needed:
            raise
        return 0


def _load(
    program: ProgramSpec,
    settings: LoadSettings,
    compiled: CompiledProgram,
    maps: Mapping[str, int],
    kernel: KernelNames,
    btf: int,
    options: RunOptions,
) -> int:
    described = bool(btf and program.functions and all(function.type_id for function in program.functions))
    image = bpf.ProgramImage(
        bpf.ProgramType[program.program_type.upper()],
        relocated(program, maps, kernel),
        license=compiled.config.license,
        name=program.name,
        expected_attach_type=settings.attach_type,
        attach_btf_id=settings.btf_id,
        attach_btf_obj_fd=settings.target_fd,
        btf_fd=btf if described else 0,
        func_info=_function_info(program) if described else b"",
    )
    log_size = compiled.config.log_size
    try:
        if options.show_verifier_log:
            loaded = bpf.load_program_with_log(image, log_size=log_size)
            _print_log(program, loaded.log)
            return loaded.fd
        return bpf.load_program(image, log_size=log_size)
    except bpf.VerifierError as error:
        from .verifier import explain

        if options.show_verifier_log:
            _print_log(program, error.log)
        raise LoadError(
            explain(
                program,
                compiled.source,
                error.errno or 0,
                error.log,
                show_log=options.verbose,
                log_was_cut=len(error.log) >= _LOG_LIMIT,
            )
        ) from error
    except KernelError as error:
        code = error.errno or 0
        head = f"Error loading BPF program for {program.point.name}. Error code: {-code} ({error.strerror})."
        raise load_error(head, str(error)) from error


def _function_info(program: ProgramSpec) -> bytes:
    """struct bpf_func_info of each function: the kernel wants all of them in order or none, and a callback's type.

    u32 instruction index, u32 BTF type id.
    """
    return b"".join(struct.pack("=II", function.index, function.type_id) for function in program.functions)


def relocated(program: ProgramSpec, maps: Mapping[str, int], kernel: KernelNames) -> bytes:
    """The instructions with the descriptors of maps, the ids of kernel functions and variables, and the addresses of
    kernel symbols in place.

    A load of a map's value keeps the number in its second slot, the offset within the value. Raises: LoadError: the
    kernel does not have what is named; also for a relocation that fits neither the instructions nor the maps, as a
    damaged file may have.
    """
    code = bytearray(program.instructions)
    for relocation in program.relocations:
        at = relocation.index * _INSTRUCTION_SIZE
        is_call = relocation.kind == "kfunc"
        source, opcode, size = _CALL if is_call else (_SOURCES.get(relocation.kind), _LOAD_CONSTANT, 2)
        inside = 0 <= at <= len(code) - size * _INSTRUCTION_SIZE
        in_kernel = relocation.kind in KERNEL_KINDS
        known = source is not None and (in_kernel or relocation.name in maps)
        if source is None or not known or not inside or code[at] != opcode:
            what = "call" if is_call else "load"
            text = f"the program for {program.point.name} is damaged: no {what} at instruction {relocation.index}"
            raise load_error(text)
        code[at + 1] = (code[at + 1] & 0x0F) | source << 4
        number = kernel.number_of(relocation, program) if in_kernel else maps[relocation.name]
        struct.pack_into("=I", code, at + 4, number & 0xFFFFFFFF)
        if relocation.kind == "kernel_symbol":
            struct.pack_into("=I", code, at + _INSTRUCTION_SIZE + 4, number >> 32)
    return bytes(code)


def _print_log(program: ProgramSpec, log: str) -> None:
    sys.stdout.write(f"BPF verifier log for {program.point.name}:\n{'-' * 38}\n{log}\n")
    sys.stdout.flush()
