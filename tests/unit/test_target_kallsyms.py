"""Single names in the kernel's list of symbols."""

from __future__ import annotations

from pathlib import Path

import pytest
from pybpftrace.core.target.kallsyms import find_code, find_symbol

SYMBOLS = """\
ffffffff81000000 T _text
ffffffff81000100 t show
ffffffff81000200 t show_more
ffffffff81000300 d show
ffffffff81000400 t show
ffffffff81000500 W weak
ffffffffc0000100 t show\t[one]
ffffffffc0000200 t show\t[two]
ffffffffc0000300 t only\t[two]
"""


@pytest.fixture
def path(tmp_path: Path) -> str:
    file = tmp_path / "kallsyms"
    file.write_text(SYMBOLS)
    return str(file)


def test_the_first_symbol_of_a_name_is_found_and_whether_it_is_the_kernels_own(path: str) -> None:
    assert find_symbol("show", path) == (0xFFFFFFFF81000100, True)
    assert find_symbol("only", path) == (0xFFFFFFFFC0000300, False)
    assert find_symbol("sho", path) == find_symbol("a b", path) == (None, False)


@pytest.mark.parametrize(
    ("symbol", "ends"),
    [
        ("show", ["81000100", "81000400", "c0000100", "c0000200"]),
        ("two:show", ["c0000200"]),
        ("weak", ["81000500"]),
        ("sho.", []),
        ("three:show", []),
    ],
)
def test_all_functions_of_a_name_are_found_and_no_data(path: str, symbol: str, ends: list[str]) -> None:
    assert [f"{address:x}" for address in find_code(symbol, path)] == [f"ffffffff{end}" for end in ends]


def test_hidden_addresses_are_none(tmp_path: Path) -> None:
    file = tmp_path / "kallsyms"
    file.write_text("0000000000000000 T _text\n0000000000000000 t show\n")
    assert find_symbol("show", str(file)) == (None, False)
    assert find_code("show", str(file)) == []
