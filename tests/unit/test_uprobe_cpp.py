"""C++ names in attach points: what a demangled name may be called, and what attach points with `cpp` match."""

from __future__ import annotations

from pathlib import Path

import pytest
from pybpftrace.core.binary import demangle
from pybpftrace.core.binary.cpp_spelling import spellings
from pybpftrace.core.binary.demangle import NoDemangler, demangled
from pybpftrace.core.probe import AttachPointError, NoMatch
from uprobe_programs import CPP_SOURCE, Asked, build

HASH = "::h0123456789abcdef"


@pytest.fixture
def program(tmp_path: Path) -> str:
    return build(tmp_path, "app", CPP_SOURCE)


def found(program: str, pattern: str) -> list[str]:
    """The functions that the pattern names, as C++ writes them."""
    symbols = Asked().symbols("uprobe", program, "cpp", pattern)
    readable = dict(demangled(symbols))
    return sorted(readable.get(symbol, symbol) for symbol in symbols)


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("shapes::area", ["shapes::area(int)", "shapes::area(int, char*)"]),
        ("shapes::area(int)", ["shapes::area(int)"]),
        ("shapes::area(int, char*)", ["shapes::area(int, char*)"]),
        ("shapes::area*", ["shapes::area(int)", "shapes::area(int, char*)", "shapes::areas(long)"]),
        ("shapes::area(*", ["shapes::area(int)", "shapes::area(int, char*)"]),
        ("*::scaled", ["shapes::Point::scaled(int) const"]),
        ("shapes::Point::scaled(int) const", ["shapes::Point::scaled(int) const"]),
        ("shapes::Point::operator()", ["shapes::Point::operator()(int)"]),
        ("shapes::Point::operator+", ["shapes::Point::operator+(int)"]),
        ("shapes::Point::Point", ["shapes::Point::Point(int)"]),
        ("add<int>", ["int add<int>(int, int)"]),
        ("int add<int>", ["int add<int>(int, int)"]),
        ("add<*>", ["int add<int>(int, int)", "long add<long>(long, long)"]),
        ("(anonymous namespace)::hidden", ["(anonymous namespace)::hidden(int)"]),
        ("_ZN6shapes4areaEi", ["shapes::area(int)"]),
        ("plain", ["plain"]),
    ],
)
def test_a_pattern_names_functions_as_people_write_them(program: str, pattern: str, names: list[str]) -> None:
    assert found(program, pattern) == names


@pytest.mark.parametrize("pattern", ["area", "shapes::area(char)", "add", "shapes", "shapes::Point::scaled(int)"])
def test_what_is_not_the_whole_name_is_no_match(program: str, pattern: str) -> None:
    with pytest.raises(NoMatch):
        Asked().points("uprobe", program, "cpp", pattern)


def test_a_wildcard_without_a_bracket_does_not_see_parameters(program: str) -> None:
    assert found(program, "*char*") == []
    assert found(program, "*(*char*") == ["shapes::area(int, char*)"]


def test_a_name_that_is_not_there_is_told_what_was_meant(program: str) -> None:
    with pytest.raises(NoMatch) as caught:
        Asked().points("uprobe", program, "cpp", "shapes::aera")
    assert str(caught.value) == f"No matches for uprobe {program}:shapes::aera."
    assert caught.value.hints == ("did you mean 'shapes::area'?",)


def test_without_cpp_only_the_mangled_name_is_a_name(program: str) -> None:
    assert Asked().names("uprobe", program, "_ZN6shapes4areaEi") == [f"uprobe:{program}:_ZN6shapes4areaEi"]
    with pytest.raises(NoMatch):
        Asked().points("uprobe", program, "shapes::area")


def test_a_cpp_point_is_named_by_its_symbol_and_one_link_by_its_pattern(program: str) -> None:
    assert Asked().names("uprobe", program, "cpp", "shapes::areas") == [f"uprobe:{program}:cpp:_ZN6shapes5areasEl"]
    (point,) = Asked("uprobe_multi").combined("uretprobe", program, "cpp", "shapes::area")
    assert (point.name, point.count) == (f"uretprobe:{program}:cpp:shapes::area", 2)


def test_a_plus_is_an_offset_only_before_a_number(program: str) -> None:
    (whole,) = Asked().points("uprobe", program, "cpp", "shapes::Point::operator+")
    (point,) = Asked().points("uprobe", program, "cpp", "shapes::Point::operator++0")
    assert point == whole
    with pytest.raises(AttachPointError, match="Offset not allowed"):
        Asked().points("uretprobe", program, "cpp", "shapes::Point::operator++1")


def test_a_listing_shows_cpp_names(program: str) -> None:
    from pybpftrace.plugins.probes.uprobe import PROBE_TYPES

    (point,) = Asked().points("uprobe", program, "cpp", "add<int>")
    assert PROBE_TYPES[0].listed_name(point) == f'uprobe:{program}:cpp:"int add<int>(int, int)"'
    (point,) = Asked().points("uprobe", program, "main")
    assert PROBE_TYPES[0].listed_name(point) == f"uprobe:{program}:main"


def test_without_a_cpp_library_cpp_names_are_refused(program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demangle, "_LIBRARIES", ("libabsent.so.1",))
    with pytest.raises(NoDemangler):
        list(demangled(["_Z1fv"]))
    with pytest.raises(AttachPointError) as caught:
        Asked().points("uprobe", program, "cpp", "add<int>")
    assert str(caught.value) == "C++ names cannot be demangled here: none of libabsent.so.1 is installed"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("f(int)", ["f"]),
        ("A::f(void (*)(int)) const", ["A::f"]),
        ("f(int) [clone .part.0]", ["f"]),
        ("A::operator()(int) const &", ["A::operator()"]),
        ("A::operator int()", ["A::operator int"]),
        ("A::operator int<int>()", ["A::operator int<int>"]),
        ("std::vector<int> f<int, char>(int)", ["std::vector<int> f<int, char>", "f<int, char>"]),
        ("bool operator< <A>(A const&)", ["bool operator< <A>", "operator< <A>"]),
        ("non-virtual thunk to A<int>::f<int>(int)", ["non-virtual thunk to A<int>::f<int>"]),
        ("guard variable for x", ["guard variable for x"]),
        ("core::fmt::write" + HASH, ["core::fmt::write" + HASH, "core::fmt::write"]),
        ("_$LT$a..B$u20$as$u20$C$GT$::f" + HASH, ["_$LT$a..B$u20$as$u20$C$GT$::f" + HASH, "<a::B as C>::f"]),
        ("f)", ["f)"]),
    ],
)
def test_what_a_function_may_be_called(text: str, names: list[str]) -> None:
    assert list(spellings(text)) == names


def test_only_wellformed_cpp_names_are_demangled() -> None:
    assert list(demangled(["main", "_Z1fi", "_Z", "_Zxx", "f_Z1gi", "_Z" + "1a" * 10000])) == [("_Z1fi", "f(int)")]


def bomb(levels: int) -> str:
    """The name of a function of b<b<...>, b<...>>, each level the one before it twice."""
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    return "_Z1f1aIiE" + "".join(f"S_IS{d}_S{d}_E" for d in digits[:levels])


def test_a_name_whose_text_would_not_fit_into_memory_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demangle, "_MAX_SECONDS", 1)
    assert dict(demangled([bomb(30), bomb(4)])).keys() == {bomb(4)}


def test_long_names_are_demangled_too() -> None:
    name = "_ZN" + "".join(f"4n{number:03}" for number in range(60)) + "1fEi"
    assert dict(demangled([name])) == {name: "::".join(f"n{number:03}" for number in range(60)) + "::f(int)"}
