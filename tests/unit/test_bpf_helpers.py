"""The numbers of the BPF helpers, against the machine's header and the kernel's BTF where there are any."""

from __future__ import annotations

import os
import re

import pytest
from pybpftrace.core.bpf_helpers import HELPER_IDS, HELPER_NAMES
from pybpftrace.core.target.btf import Btf
from pybpftrace.core.target.btf_types import Enum, Enumeration

HEADER = "/usr/include/linux/bpf.h"
KERNEL_BTF = "/sys/kernel/btf/vmlinux"


def test_numbers_and_names_are_each_others_inverse_without_a_gap() -> None:
    assert sorted(HELPER_NAMES) == list(range(212))
    assert {name: number for number, name in HELPER_NAMES.items()} == HELPER_IDS


def test_helpers_have_the_numbers_of_the_kernels_abi() -> None:
    some = {"unspec": 0, "map_lookup_elem": 1, "ringbuf_output": 130, "cgrp_storage_delete": 211}
    assert {name: HELPER_IDS[name] for name in some} == some


def test_the_table_has_every_helper_of_the_kernels_header() -> None:
    if not os.path.exists(HEADER):
        pytest.skip(f"{HEADER} is not installed")
    with open(HEADER, encoding="utf-8") as file:
        mapper = re.search(r"#define _*BPF_FUNC_MAPPER\(.*\n(?:.*\\\n)+", file.read())
    assert mapper is not None
    # FN(name) in the order of the numbers, since Linux 6.2 FN(name, number, ...).
    entries = re.findall(r"\bFN\((\w+)(?:, *(\d+))?", mapper[0])
    in_header = {name: int(number or place) for place, (name, number) in enumerate(entries)}
    assert len(in_header) > 100
    assert {name: HELPER_IDS.get(name) for name in in_header} == in_header


def test_the_table_has_every_helper_of_the_running_kernel() -> None:
    if not os.access(KERNEL_BTF, os.R_OK):
        pytest.skip("the kernel has no BTF that can be read")
    with open(KERNEL_BTF, "rb") as file:
        btf = Btf.parse(file.read())
    found = btf.find("bpf_func_id", (Enum,))
    assert found is not None
    enumeration = btf.type(found)
    assert isinstance(enumeration, Enumeration)
    in_kernel = {name.removeprefix("BPF_FUNC_"): value for name, value in enumeration.values if name[0] != "_"}
    assert len(in_kernel) > 100
    assert {name: HELPER_IDS.get(name) for name in in_kernel} == in_kernel
