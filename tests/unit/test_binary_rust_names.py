"""Rust's names as people write them. The v0 ones are examples of RFC 2603 and names that rustc has made."""

from __future__ import annotations

import random

import pytest
from pybpftrace.core.binary.rust_names import demangle_rust
from pybpftrace.core.binary.symbol_names import SymbolNames


@pytest.mark.parametrize(
    ("mangled", "text"),
    [
        ("_ZN4core3fmt5write17h0123456789abcdefE", "core::fmt::write"),
        ("_ZN5alloc3vec16Vec$LT$T$C$A$GT$4push17h0123456789abcdefE", "alloc::vec::Vec<T,A>::push"),
        ("_ZN3foo3bar17h0123456789abcdefE.llvm.1234", "foo::bar"),
        (
            "_ZN71_$LT$Test$u20$$u2b$$u20$$u27$static$u20$as$u20$foo..Bar$LT$Test$GT$$GT$3bar17h930b740aa94f1d3aE",
            "<Test + 'static as foo::Bar<Test>>::bar",
        ),
        ("_RNvC6_123foo3bar", "123foo::bar"),
        ("_RNvCs15kBYyAo9fc_7mycrate7example", "mycrate::example"),
        ("_RNCNCNgCs6DXkGYLi8lr_2cc5spawn00B5_", "cc::spawn::{closure#0}::{closure#0}"),
        ("_RINvNtC3std3mem8align_ofjdE", "std::mem::align_of::<usize, f64>"),
        (
            "_RINbNbCskIICzLVDPPb_5alloc5alloc8box_freeDINbNiB4_5boxed5FnBoxuEp6OutputuEL_ECs1iopQbuBiw2_3std",
            "alloc::alloc::box_free::<dyn alloc::boxed::FnBox<(), Output = ()>>",
        ),
        (
            "_RNvMs0_NtCs5l0EXMQXRMU_21rustc_data_structures17obligation_forestINtB5_16ObligationForestNtNtNtCsdozMG8X9"
            "FIu_21rustc_trait_selection6traits7fulfill26PendingPredicateObligationE22register_obligation_atB1v_",
            "<rustc_data_structures::obligation_forest::ObligationForest<rustc_trait_selection::traits::fulfill::Pending"
            "PredicateObligation>>::register_obligation_at",
        ),
        ("_RNqCs4fqI2P2rA04_11utf8_identsu30____7hkackfecea1cbdathfdh9hlq6y", "utf8_idents::საჭმელად_გემრიელი_სადილი"),
        ("_RMCs4fqI2P2rA04_13const_genericINtB0_8UnsignedKhb_E", "<const_generic::Unsigned<11>>"),
        ("_RMCs4fqI2P2rA04_13const_genericINtB0_6SignedKanb_E", "<const_generic::Signed<-11>>"),
        ("_RMCs4fqI2P2rA04_13const_genericINtB0_4BoolKb1_E", "<const_generic::Bool<true>>"),
        ("_RMCs4fqI2P2rA04_13const_genericINtB0_4CharKc76_E", "<const_generic::Char<'v'>>"),
        ("_RC3foo.llvm.9D1C9369", "foo"),
        ("_RINvC1a1bAhj4_PmORxTTjEEFUKCheEuE", "a::b::<[u8; 4], *const u32, *mut &i64, ((usize,),), unsafe extern \"C\""
         " fn(u8, str)>"),
        ("_RINvC1a1bRL0_hE", None),
        ("_RINvC1a1bFG_RL0_hEuE", "a::b::<for<'a> fn(&'a u8)>"),
    ],
)  # fmt: skip
def test_a_rust_name_is_written_as_its_path_without_the_hash(mangled: str, text: str | None) -> None:
    assert demangle_rust(mangled) == text


@pytest.mark.parametrize(
    "name",
    [
        "main",
        "_ZN3foo3barE",
        "_ZN17h0123456789abcdefE",
        "_ZN9foo17h0123456789abcdefE",
        "_R",
        "_RB_",
        "_RNvC6_123fo",
        "_RNvC3foo",
        "_R1NvC3foo3bar",
        "_RINvC1a1bu30____zzzzzzE",
        "_RNvC3foo3bartrailing",
    ],
)
def test_what_is_no_rust_name_or_a_malformed_one_has_no_text(name: str) -> None:
    assert demangle_rust(name) is None


def test_a_short_name_of_a_text_without_end_is_not_written_out() -> None:
    doubling = "".join(f"TB{chr(ord('a') + depth)}_B{chr(ord('a') + depth)}_E" for depth in range(20))
    assert demangle_rust(f"_RINvC1a1bTTTuuETuuEE{doubling}E") is None
    assert demangle_rust("_RNvC1a1b" + "N" * 100_000) is None
    assert demangle_rust("_RINvC1a1b" + "R" * 100_000 + "hE") is None


def test_any_change_of_a_name_gives_a_text_or_none() -> None:
    choice = random.Random(1)
    names = [
        "NvMs0_NtCs5l0EXMQXRMU_21rustc_data_structures17obligation_forestINtB5_16ObligationForestE8registerB1v_",
        "INbNbCskIICzLVDPPb_5alloc5alloc8box_freeDINbNiB4_5boxed5FnBoxuEp6OutputuEL_ECs1iopQbuBiw2_3std",
        "MCs4fqI2P2rA04_13const_genericINtB0_4CharKc76_E",
    ]
    for _ in range(20_000):
        signs = list(choice.choice(names))
        for _ in range(choice.randint(1, 6)):
            signs[choice.randrange(len(signs))] = choice.choice("NvMs0_tCBITEPAuhjKL1234567890RQDFGpn$.")
        text = demangle_rust("_R" + "".join(signs))
        assert text is None or len(text) <= 1 << 14


def test_names_of_rust_and_of_cpp_are_shown_demangled_others_as_they_are() -> None:
    names = SymbolNames()
    assert names.shown("_RNvC6_123foo3bar") == "123foo::bar"
    assert names.shown("_ZN4core3fmt5write17h0123456789abcdefE") == "core::fmt::write"
    assert names.shown("_ZN2ns1KIiE4methEiPKc") == "ns::K<int>::meth(int, char const*)"
    assert names.shown("_Z3foov.cold") == "foo() [clone .cold]"
    assert [names.shown(name) for name in ("_start", "main", "_Znonsense", "", "_R")] == [
        "_start", "main", "_Znonsense", "", "_R",
    ]  # fmt: skip


def test_without_cpp_demangle_every_name_is_shown_as_it_is() -> None:
    names = SymbolNames(demangles=False)
    assert names.shown("_ZN2ns1KIiE4methEiPKc") == "_ZN2ns1KIiE4methEiPKc"
    assert names.shown("_RNvC6_123foo3bar") == "_RNvC6_123foo3bar"
