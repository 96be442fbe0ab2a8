"""Addresses of the kernel's symbols: the compiler leaves their names in a program, load puts in what they are now."""

from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import Any

import pytest
from pybpftrace.core.artifacts import CompiledProgram, ProgramSpec, Relocation
from pybpftrace.core.diagnostics import format_all
from pybpftrace.core.disassembler import disassemble
from pybpftrace.core.linux import machine
from pybpftrace.core.pipeline import Pipeline, plugin_manager
from pybpftrace.core.run import LoadError
from pybpftrace.core.source import Source
from pybpftrace.core.target import symbol_addresses
from pybpftrace.core.target.cache_directory import NAME as CACHE
from pybpftrace.core.target.kallsyms import find_symbol
from pybpftrace.core.target.symbol_addresses import symbol_address
from pybpftrace.passes import builtin_plugins
from pybpftrace.passes.load.kernel_names import KernelNames
from pybpftrace.passes.load.programs import relocated
from test_stdlib_symbols import Symbols

KALLSYMS = """\
ffffffff81000000 T _text
ffffffff81234560 T vfs_read
0000000000000007 A odd
ffffffffc0000300 t in_module\t[one]
"""


class Machine:
    """What is counted and changed of a kernel that other tests do not see."""

    def __init__(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.file = home / "kallsyms"
        self.file.write_text(KALLSYMS)
        self.boot = "first"
        self.readings = 0
        self.copy = home / CACHE / "symbols"
        monkeypatch.setenv("XDG_CACHE_HOME", str(home))
        monkeypatch.setattr(machine, "boot_id", lambda: self.boot)
        monkeypatch.setattr(symbol_addresses, "find_symbol", self.find)

    def find(self, name: str) -> tuple[int | None, bool]:
        self.readings += 1
        return find_symbol(name, str(self.file))


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


def compiled(script: str) -> CompiledProgram:
    target: Any = Symbols()
    target._data["kernel_symbols"]["odd"] = True
    pipeline = Pipeline(plugin_manager(builtin_plugins()))
    return pipeline.compile(Source("test.bt", script), target)


def loads(program: ProgramSpec, code: bytes) -> list[int]:
    """The 64-bit constants that load put in."""
    at = [8 * relocation.index for relocation in program.relocations if relocation.kind == "kernel_symbol"]
    return [low | high << 32 for low, high in (struct.unpack_from("=4xI4xI", code, place) for place in at)]


def filled(compiled: CompiledProgram) -> bytes:
    [program] = compiled.programs
    return relocated(program, {spec.name: 3 for spec in compiled.maps}, KernelNames(compiled.source))


def test_the_compiler_leaves_the_name_and_load_puts_in_the_address(kernel: Machine) -> None:
    program = compiled('begin { @ = kaddr("vfs_read"); }')
    [spec] = program.programs
    [symbol] = [relocation for relocation in spec.relocations if relocation.kind == "kernel_symbol"]
    assert symbol.name == "vfs_read"
    assert spec.instructions[8 * symbol.index : 8 * symbol.index + 16].count(0) == 14, "the opcode and the register"
    code = filled(program)
    assert loads(spec, code) == [0xFFFFFFFF81234560]
    assert code[8 * symbol.index] == 0x18 and code[8 * symbol.index + 1] >> 4 == 0, "it stands for itself"


def test_after_a_restart_the_same_program_gets_the_new_address(kernel: Machine) -> None:
    program = compiled('begin { @ = kaddr("vfs_read"); }')
    assert loads(program.programs[0], filled(program)) == [0xFFFFFFFF81234560]
    kernel.boot = "second"
    kernel.file.write_text(KALLSYMS.replace("ffffffff81234560", "ffffffff9ab34560"))
    assert loads(program.programs[0], filled(program)) == [0xFFFFFFFF9AB34560]


@pytest.mark.parametrize(
    "condition",
    ['kaddr("odd") & 7', 'kaddr("odd") != 0', 'kaddr("odd") == kaddr("vfs_read")', 'kaddr("odd") < 4096'],
)
def test_the_optimizer_supposes_nothing_about_an_address(condition: str) -> None:
    [program] = compiled(f"begin {{ if ({condition}) {{ @ = 1; }} }}").programs
    assert "odd" in {relocation.name for relocation in program.relocations}
    assert [item.text for item in disassemble(program.instructions) if re.match(r"if r\d", item.text)]


def test_a_symbol_that_is_gone_is_told_with_its_place(kernel: Machine) -> None:
    program = compiled('begin {\n  @a = 1;\n  @b = kaddr("vfs_read");\n}')
    kernel.file.write_text("ffffffff81000000 T _text\n")
    with pytest.raises(LoadError) as caught:
        filled(program)
    assert caught.value.status == 255
    assert format_all(caught.value.diagnostics, program.source) == (
        "test.bt:3:8-25: ERROR: The program for begin uses the address of vfs_read, which this kernel does not have, "
        "or does not show to this user (kernel.kptr_restrict).\n"
        '  @b = kaddr("vfs_read");\n'
        "       ~~~~~~~~~~~~~~~~~\n"
    )


def test_an_unreadable_list_of_symbols_is_told(monkeypatch: pytest.MonkeyPatch, kernel: Machine) -> None:
    program = compiled('begin { @ = kaddr("vfs_read"); }')
    kernel.file.unlink()
    with pytest.raises(LoadError, match=r"^Could not read the symbols of the kernel: .*No such file or directory"):
        filled(program)


def test_a_load_needs_both_of_its_slots(kernel: Machine) -> None:
    program = compiled('begin { @ = kaddr("vfs_read"); }')
    [spec] = program.programs
    last = len(spec.instructions) // 8 - 1
    damaged = ProgramSpec(
        spec.name, spec.point, spec.program_type, spec.instructions, (Relocation(last, "kernel_symbol", "vfs_read"),)
    )
    with pytest.raises(LoadError, match=f"damaged: no load at instruction {last}$"):
        relocated(damaged, {}, KernelNames(program.source))


def test_the_kernels_own_symbols_are_looked_for_once_a_boot(kernel: Machine) -> None:
    assert [symbol_address("vfs_read"), symbol_address("odd"), symbol_address("vfs_read")] == [
        0xFFFFFFFF81234560,
        7,
        0xFFFFFFFF81234560,
    ]
    assert kernel.readings == 2
    assert kernel.copy.read_text() == "first\nvfs_read ffffffff81234560\nodd 7\n"
    assert kernel.copy.stat().st_mode & 0o777 == 0o600
    kernel.boot = "second"
    assert symbol_address("odd") == 7
    assert kernel.copy.read_text() == "second\nodd 7\n"


def test_symbols_of_modules_and_missing_ones_are_looked_for_every_time(kernel: Machine) -> None:
    assert [symbol_address(name) for name in ("in_module", "absent", "in_module", "absent")] == [
        *(0xFFFFFFFFC0000300, None),
        *(0xFFFFFFFFC0000300, None),
    ]
    assert kernel.readings == 4 and not kernel.copy.exists()


def test_a_part_of_a_name_is_not_found_in_the_copy(kernel: Machine) -> None:
    symbol_address("vfs_read")
    assert [symbol_address(name) for name in ("read", "vfs", "vfs_read ffffffff81234560\n", "")] == [None] * 4


@pytest.mark.parametrize(
    "content", ["first\nvfs_read zz\n", "first\nvfs_read\n", "first\nvfs_read ff", "", "first", "first\n\xff 1\n2\n"]
)
def test_a_damaged_copy_is_read_over(kernel: Machine, content: str) -> None:
    kernel.copy.parent.mkdir(mode=0o700)
    kernel.copy.write_text(content)
    assert symbol_address("vfs_read") == 0xFFFFFFFF81234560
    assert kernel.copy.read_text() == "first\nvfs_read ffffffff81234560\n"


def test_a_copy_that_others_may_write_is_not_believed(kernel: Machine) -> None:
    symbol_address("vfs_read")
    kernel.copy.write_text("first\nvfs_read 1\n")
    assert symbol_address("vfs_read") == 1
    kernel.copy.chmod(0o666)
    assert symbol_address("vfs_read") == 0xFFFFFFFF81234560


def test_a_large_copy_is_begun_anew(kernel: Machine) -> None:
    kernel.copy.parent.mkdir(mode=0o700)
    kernel.copy.write_text("first\n" + "".join(f"symbol_{number} {number:x}\n" for number in range(5000)))
    symbol_address("vfs_read")
    assert kernel.copy.read_text() == "first\nvfs_read ffffffff81234560\n"


def test_without_a_cache_directory_symbols_are_found_all_the_same(
    kernel: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/nowhere")
    assert symbol_address("vfs_read") == symbol_address("vfs_read") == 0xFFFFFFFF81234560
    assert kernel.readings == 2
