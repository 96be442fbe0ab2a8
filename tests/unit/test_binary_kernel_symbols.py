from __future__ import annotations

import os
from pathlib import Path

import pytest
from pybpftrace.core.binary.kernel_symbols import KernelSymbols

CORE = """\
0000000000000000 A fixed_percpu_data
ffffffff81000000 T _stext
ffffffff81000000 T _text
ffffffff81000100 t helper_of_read
ffffffff81000200 T vfs_read
ffffffff81000300 W weak_one
ffffffff81000380 T bpf_prog_load
ffffffff81000400 D some_data
ffffffff81001000 T _etext
ffffffff82000000 D more_data
ffffffff82800000 T kernel_init_text
ffffffff82801000 t _einittext
"""
MODULES = """\
ffffffffc0301000 t later_function\t[mod]
ffffffffc0300000 t vfs_read\t[mod]
ffffffffc0201000 t bpf_prog_6deef7357e7b4530_first\t[bpf]
"""


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def kallsyms(tmp_path: Path) -> Path:
    path = tmp_path / "kallsyms"
    path.write_text(CORE + MODULES)
    return path


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (0xFFFFFFFF81000200, ("vfs_read", 0)),
        (0xFFFFFFFF810002FF, ("vfs_read", 0xFF)),
        (0xFFFFFFFF81000100, ("helper_of_read", 0)),
        (0xFFFFFFFF81000304, ("weak_one", 4)),
        (0xFFFFFFFF81000000, ("_stext", 0)),
        (0xFFFFFFFF82800010, ("kernel_init_text", 0x10)),
        (0xFFFFFFFFC0300008, ("vfs_read", 8)),
        (0xFFFFFFFFC0301004, ("later_function", 4)),
        (0xFFFFFFFFC0201010, ("bpf_prog_6deef7357e7b4530_first", 0x10)),
        (0xFFFFFFFF81001010, None),
        (0xFFFFFFFF82000004, None),
        (0xFFFFFFFF82801010, None),
        (0xFFFFFFFFC0900000, None),
        (0x1000, None),
        (0, None),
        (2**64 - 1, None),
    ],
)
def test_an_address_is_in_the_nearest_function_below_it_of_kernel_module_or_bpf_program(
    kallsyms: Path, address: int, expected: tuple[str, int] | None
) -> None:
    assert KernelSymbols(str(kallsyms)).resolve(address) == expected


def test_a_name_has_the_address_of_the_kernels_own_function(kallsyms: Path) -> None:
    symbols = KernelSymbols(str(kallsyms))
    assert symbols.address_of("vfs_read") == 0xFFFFFFFF81000200
    assert symbols.address_of("later_function") == 0xFFFFFFFFC0301000
    assert symbols.address_of("some_data") is None
    assert symbols.address_of("vfs_rea") is None


def test_nothing_is_read_before_the_first_question(tmp_path: Path) -> None:
    symbols = KernelSymbols(str(tmp_path / "absent"))
    with pytest.raises(FileNotFoundError):
        symbols.resolve(1)


def test_hidden_addresses_are_reported_and_resolve_to_nothing(tmp_path: Path) -> None:
    path = tmp_path / "kallsyms"
    path.write_text("0000000000000000 T _text\n0000000000000000 T vfs_read\n0000000000000000 t f\t[mod]\n")
    symbols = KernelSymbols(str(path))
    assert symbols.restricted
    assert symbols.resolve(0) is None
    assert symbols.resolve(16) is None
    assert symbols.address_of("vfs_read") is None


def test_shown_addresses_are_not_restricted(kallsyms: Path) -> None:
    assert not KernelSymbols(str(kallsyms)).restricted


@pytest.mark.parametrize("text", ["nonsense\n", "c0100000 T thirty_two_bit\n", "zzzzzzzzzzzzzzzz T bad_digits\n"])
def test_what_is_no_list_of_symbols_is_refused_by_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "kallsyms"
    path.write_text(text)
    with pytest.raises(ValueError, match="not a list of kernel symbols") as raised:
        KernelSymbols(str(path)).resolve(1)
    assert str(path) in str(raised.value)


def test_a_kernel_without_symbols_resolves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "kallsyms"
    path.write_text("")
    symbols = KernelSymbols(str(path))
    assert symbols.resolve(0xFFFFFFFF81000200) is None
    assert symbols.address_of("vfs_read") is None
    assert not symbols.restricted


SECOND = "ffffffffc0900000 t bpf_prog_aaaaaaaaaaaaaaaa_second\t[bpf]\n"


def test_an_address_that_misses_is_looked_up_again_when_the_list_is_over_a_second_old(kallsyms: Path) -> None:
    clock = Clock()
    symbols = KernelSymbols(str(kallsyms), clock)
    assert symbols.resolve(0xFFFFFFFFC0900004) is None
    kallsyms.write_text(CORE + MODULES + SECOND)
    clock.now += 0.9
    assert symbols.resolve(0xFFFFFFFFC0900004) is None
    clock.now += 0.2
    assert symbols.resolve(0xFFFFFFFFC0900004) == ("bpf_prog_aaaaaaaaaaaaaaaa_second", 4)


def test_the_place_of_a_bpf_program_may_be_used_by_another_a_second_later(kallsyms: Path) -> None:
    clock = Clock()
    symbols = KernelSymbols(str(kallsyms), clock)
    assert symbols.resolve(0xFFFFFFFFC0201000) == ("bpf_prog_6deef7357e7b4530_first", 0)
    kallsyms.write_text(CORE + "ffffffffc0200f00 t bpf_prog_bbbbbbbbbbbbbbbb_new\t[bpf]\n")
    assert symbols.resolve(0xFFFFFFFFC0201000) == ("bpf_prog_6deef7357e7b4530_first", 0)
    clock.now += 1.1
    assert symbols.resolve(0xFFFFFFFFC0201000) == ("bpf_prog_bbbbbbbbbbbbbbbb_new", 0x100)


def test_functions_of_the_kernel_are_never_looked_up_again(kallsyms: Path) -> None:
    clock = Clock()
    symbols = KernelSymbols(str(kallsyms), clock)
    symbols.resolve(0xFFFFFFFF81000200)
    kallsyms.unlink()
    clock.now += 1000
    assert symbols.resolve(0xFFFFFFFF81000204) == ("vfs_read", 4)
    assert symbols.resolve(0xFFFFFFFF81000384) == ("bpf_prog_load", 4)
    assert symbols.address_of("vfs_read") == 0xFFFFFFFF81000200


def test_a_name_that_misses_is_looked_up_again_when_the_list_is_over_a_second_old(kallsyms: Path) -> None:
    clock = Clock()
    symbols = KernelSymbols(str(kallsyms), clock)
    assert symbols.address_of("bpf_prog_aaaaaaaaaaaaaaaa_second") is None
    kallsyms.write_text(CORE + MODULES + SECOND)
    clock.now += 1.1
    assert symbols.address_of("bpf_prog_aaaaaaaaaaaaaaaa_second") == 0xFFFFFFFFC0900000


def test_the_running_kernel_resolves_its_own_functions() -> None:
    if not os.path.exists("/proc/kallsyms"):
        pytest.skip("this kernel has no /proc/kallsyms")
    symbols = KernelSymbols()
    if symbols.restricted:
        pytest.skip("this kernel hides addresses (kernel.kptr_restrict)")
    address = symbols.address_of("vfs_read")
    assert address is not None
    assert symbols.resolve(address + 4) == ("vfs_read", 4)
