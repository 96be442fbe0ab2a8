"""Odd programs compile or are refused with a diagnostic; none brings the compiler down."""

from __future__ import annotations

import pytest
from checking import Checked

#: What may stand where a value is wanted, and has none, or one that few can use.
ODD_VALUES = (
    "print(1)",
    "exit()",
    "()",
    "((), ())",
    "{ $v = 1; }",
    "{ }",
    "{ { { 1 } } }",
    "if (pid) { 1 }",
    "if (pid) { print(1) } else { print(2) }",
    "(pid ? print(1) : exit())",
    "(a=(b=(c=1)))",
    "kstack",
    "ustack(perf, 3)",
    "args",
    "args.filename",
    "*args",
    "@count",
    "@hist",
    "@keyed",
    "@nothing",
    "@nothing[1]",
    "@keyed[@keyed[1]]",
    "&@count",
    "&$x",
    "**$x",
    "nosuch",
    "nosuch(1)",
    "count()",
    "hist(1)",
    "18446744073709551615",
    "-9223372036854775808",
    '""',
    "(int8[])comm",
    "(void)1",
    "(void *)1",
    "*(void *)1",
    "(count_t)1",
    "sizeof(void)",
    "comptime pid",
    "comptime 1",
    "typeof(pid)",
    "probe",
    "curtask",
)
#: Where a value stands.
PLACES = (
    "$y = {};",
    "let $y = {};",
    "let $y : int8 = {};",
    "let $y : string = {};",
    "_ = {};",
    "{};",
    "@y = {};",
    "@y[1] = {};",
    "@y[{}] = 1;",
    "@y[1, {}] = 1;",
    "@y += {};",
    "$x -= {};",
    "@y = count(); @y = {};",
    "@y = sum({});",
    "@y = hist({});",
    "@y = lhist({}, 0, 10, 1);",
    "if ({}) {{ }}",
    "while ({}) {{ break; }}",
    "for ($i : 0..({})) {{ }}",
    "return {};",
    "print({});",
    "print(({}, 1));",
    "print((field={}));",
    'printf("%d", {});',
    'printf("%s", {});',
    "print(str({}));",
    "print(kptr({}));",
    "exit({});",
    "clear({});",
    "delete(@keyed, {});",
    "print(({}) + 1);",
    "print(1 - ({}));",
    "print(({}) == ({}));",
    'print(({}) < "a");',
    "print(({}) && true);",
    "print(-({}));",
    "print(!({}));",
    "print(~({}));",
    "print(*({}));",
    "print(({}).x);",
    "print(({}).0);",
    "print(({})[0]);",
    "print(comm[{}]);",
    "print((int64)({}));",
    "print((bool)({}));",
    "print((int8 *)({}));",
    "print((string[64])({}));",
    "print((uint8[])({}));",
    "print(({}) ? 1 : 2);",
    "print(pid ? ({}) : 1);",
    "print(pid ? ({}) : ({}));",
    "print({{ 1; {} }});",
    "print(sizeof({}));",
    "print(sizeof(typeof({})));",
    "if comptime ({}) {{ print(1); }}",
)


@pytest.mark.parametrize("place", PLACES)
def test_any_value_may_be_put_anywhere(place: str) -> None:
    for value in ODD_VALUES:
        script = (
            "tracepoint:syscalls:sys_enter_openat { $x = pid; @count = count(); @hist = hist(1); @keyed[1] = 1; "
            f"{place.format(value, value)} }}"
        )
        checked = Checked(script, stage="codegen")
        assert (checked.typed is None) == ("ERROR" in checked.printed), script


@pytest.mark.parametrize(
    "script",
    [
        "begin { $x = $x; }",
        "begin { let $x = $x; }",
        "begin { let $x; $x = $x; }",
        "begin { let $x; $x++; }",
        "begin { let $x; $x += 1; }",
        "begin { let $x; $x = &$x; }",
        "begin { let $x; $x = ($x, 1); }",
        "begin { let $x : typeof($x); }",
        "begin { let $x : string; print($x); }",
        "begin { let $x : int8[]; print($x); }",
        "begin { $x = 1; $x = &$x; }",
        "begin { $x = (1,); $x = ($x,); }",
        "begin { @x = (@x, 1); }",
        "begin { @x[1] = (@x[1], 1); }",
        "begin { @x = &@x; }",
        "begin { @x[@x] = 1; }",
        "begin { @x = (1, @y); @y = (2, @x); }",
        "begin { @x[1] = 1; for ($kv : @x) { @x[1] = $kv; } }",
        "begin { @x[1, @y] = 1; for ($kv : @x) { @y = $kv; } }",
        "begin { @w = !@w; }",
        "begin { @a = (typeof(@b))1; @b = (typeof(@a))1; }",
        "begin { if comptime (sizeof(@x) == 1) { @x = 1000; } }",
        "begin { @x = 1; @x = (@x == 1); }",
        "fn f($a : nosuch) : nosuch2 { return $a; } begin { }",
        "fn f($a : count_t) : void { print($a); } begin { }",
        "begin { $x = 1; " + "if comptime (sizeof($x) == 1) { " * 60 + "} " * 60 + "}",
    ],
)
def test_what_is_made_of_itself_is_no_trap(script: str) -> None:
    checked = Checked(script, stage="codegen")
    assert (checked.typed is None) == ("ERROR" in checked.printed)


@pytest.mark.parametrize(
    "script",
    [
        f"begin {{ $x = ({','.join(map(str, range(100)))}); print($x); @[$x] = $x; print($x.99); }}",
        f"begin {{ $x = ({','.join(f'f{i}={i}' for i in range(100))}); print($x.f99); }}",
        f"begin {{ @[{','.join(['pid'] * 100)}] = 1; }}",
        f"begin {{ $x = {'(' * 40}1{',)' * 40}; print($x); }}",
        f"begin {{ $x = {'(' * 150}1{')' * 150}; }}",
        f"begin {{ $x = {'{ ' * 150}1{' }' * 150}; }}",
        f"begin {{ $x = {'!' * 150}pid; }}",
        f"begin {{ $x = {'(uint8)(uint16)' * 60}pid; }}",
        f"begin {{ $x = {' + '.join(['pid'] * 150)}; }}",
        "begin { " + " ".join(f"$v{i} = {f'$v{i - 1}' if i else '1'};" for i in range(200)) + " }",
        "begin { " + " ".join(f"@m{i} = @m{i + 1};" for i in range(100)) + " @m100 = 1000; }",
        "begin { if (pid == 0) { @ = 0; }" + "".join(f" else if (pid == {i}) {{ @ = 1; }}" for i in range(200)) + " }",
    ],
)
def test_wide_and_deep_programs_compile(script: str) -> None:
    checked = Checked(script, stage="codegen")
    assert (checked.typed is not None, checked.printed) == (True, "")


def test_a_type_goes_all_the_way_up_a_chain_of_maps() -> None:
    links = " ".join(f"@m{i} = @m{i + 1};" for i in range(100))
    assert Checked(f"begin {{ {links} @m100 = 1000; }}").maps()["@m0"] == ("", "int16")
