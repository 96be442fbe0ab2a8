"""Which types come out of a script: literals, promotion, operators, strings, tuples, pointers, maps, loops, casts."""

from __future__ import annotations

import pytest
from checking import Checked
from pybpftrace.core.artifacts import TypedProgram
from pybpftrace.core.types import Int, Pointer

SIGNED = {f"int{bits}": bits for bits in (8, 16, 32, 64)}
UNSIGNED = {f"uint{bits}": bits for bits in (8, 16, 32, 64)}


def type_of(name: str, body: str) -> str:
    """The type of a variable or of a map's values in a script of one probe."""
    checked = Checked(f"begin {{ {body} }}")
    return checked.maps()[name][1] if name.startswith("@") else str(checked.variables()[name])


def value(expression: str) -> str:
    """The type of an expression, as that of a variable that it is assigned to."""
    return type_of("$it", f"$it = {expression};")


@pytest.mark.parametrize(
    ("literal", "type_"),
    [
        ("0", "int8"),
        ("127", "int8"),
        ("128", "int16"),
        ("32767", "int16"),
        ("32768", "int32"),
        ("2147483647", "int32"),
        ("2147483648", "int64"),
        ("9223372036854775807", "int64"),
        ("9223372036854775808", "uint64"),
        ("18446744073709551615", "uint64"),
        ("-1", "int8"),
        ("-128", "int8"),
        ("-129", "int16"),
        ("-32769", "int32"),
        ("-2147483649", "int64"),
        ("-9223372036854775808", "int64"),
        ("true", "bool"),
        ('""', "string[1]"),
        ('"abc"', "string[4]"),
        ("()", "()"),
        ("sizeof(uint64)", "int8"),
        ("sizeof(string[200])", "int16"),
    ],
)
def test_a_literal_has_the_smallest_type_that_holds_it(literal: str, type_: str) -> None:
    assert value(literal) == type_


@pytest.mark.parametrize("left", [*SIGNED, *UNSIGNED])
@pytest.mark.parametrize("right", [*SIGNED, *UNSIGNED])
def test_two_integers_have_the_least_common_type(left: str, right: str) -> None:
    one, other = {**SIGNED, **UNSIGNED}[left], {**SIGNED, **UNSIGNED}[right]
    if (left in SIGNED) == (right in SIGNED):
        wanted = f"{'u' if left in UNSIGNED else ''}int{max(one, other)}"
    else:
        signed, unsigned = (one, other) if left in SIGNED else (other, one)
        wanted = f"int{signed if signed > unsigned else min(2 * unsigned, 64)}"
    uses = f"({left})pid", f"({right})pid"
    assert type_of("$x", f"$x = {uses[0]}; $x = {uses[1]};") == wanted
    assert type_of("@x", f"@x = {uses[0]}; @x = {uses[1]};") == wanted
    assert value(f"nsecs == 5 ? {uses[0]} : {uses[1]}") == wanted
    assert type_of("$i", f"for ($i : ({uses[0]})..({uses[1]})) {{ }}") == wanted
    assert Checked(f"begin {{ @x[{uses[0]}] = 1; @x[{uses[1]}] = 1; }}").maps()["@x"][0] == wanted


@pytest.mark.parametrize(
    ("uses", "type_"),
    [
        # A literal adopts the sign that it meets, in whichever order.
        (("1", "(uint64)2"), "uint64"),
        (("(uint64)2", "1"), "uint64"),
        (("300", "(uint8)2"), "uint16"),
        (("300", "(int8)2"), "int16"),
        (("1", "1000"), "int16"),
        # A negative one has a sign.
        (("1", "-1000"), "int16"),
        (("(uint8)1", "-1"), "int16"),
        (("(uint64)1", "-1"), "int64"),
        # Literals do not decide about the sign that others agree on.
        (("300", "(uint8)1", "(int8)-2"), "int16"),
        (("(uint8)1", "300", "(int8)-2"), "int16"),
        (("(uint8)1", "(int8)-2", "300"), "int16"),
        (("1", "pid", "nsecs"), "uint64"),
    ],
)
def test_literals_adopt_a_sign(uses: tuple[str, ...], type_: str) -> None:
    assert type_of("$x", " ".join(f"$x = {use};" for use in uses)) == type_
    assert type_of("@x", " ".join(f"@x = {use};" for use in uses)) == type_
    assert type_of("@x", "".join(f"if (pid == 1) {{ @x = {use}; }}" for use in uses)) == type_


def test_a_variable_of_literals_adopts_a_sign_too() -> None:
    checked = Checked("begin { $a = 1; $b = $a; $b = nsecs; print($a == nsecs); }")
    assert (str(checked.variables()["$b"]), checked.printed) == ("uint64", "")


@pytest.mark.parametrize("operator", ["+", "*", "/", "%", "&", "|", "^", "<<", ">>"])
@pytest.mark.parametrize(
    ("left", "right", "type_"),
    [
        ("pid", "cpu", "uint64"),
        ("(uint32)pid", "(uint8)pid", "uint64"),
        ("(int8)pid", "(int16)pid", "int64"),
        ("pid", "(int8)pid", "int64"),
        ("pid", "5", "uint64"),
        ("5", "pid", "uint64"),
        ("(int8)pid", "5", "int64"),
        ("(bool)pid", "pid", "uint64"),
        ("(bool)pid", "(bool)cpu", "bool"),
    ],
)
def test_arithmetic_is_done_in_64_bits(operator: str, left: str, right: str, type_: str) -> None:
    assert value(f"{left} {operator} {right}") == type_


def test_variables_of_literals_count_as_signed_in_arithmetic() -> None:
    assert type_of("$y", "$x = 1; $y = $x + 1;") == "int64"


def test_a_literal_sum_is_a_literal() -> None:
    assert (value("1 + 2"), value("1 - 2"), value("100 * 100")) == ("int8", "int8", "int16")


@pytest.mark.parametrize(("left", "right"), [("pid", "cpu"), ("nsecs", "5"), ("(int8)pid", "pid")])
def test_a_difference_is_signed(left: str, right: str) -> None:
    assert value(f"{left} - {right}") == "int64"


@pytest.mark.parametrize(
    ("expression", "type_"),
    [
        ("-pid", "uint64"),
        ("~cpu", "uint64"),
        ("-(int8)pid", "int64"),
        ("~(int32)pid", "int64"),
        ("!pid", "bool"),
        ("!(int8 *)pid", "bool"),
        ("*pid", "uint64"),
        ("*(int16 *)pid", "int16"),
        ("pid == 1", "bool"),
        ('comm == "a"', "bool"),
        ("pid && (int8 *)1", "bool"),
        ("(1, pid) != (2, 3)", "bool"),
        ("pid ? 1 : 1000", "int16"),
        ('pid ? "a" : "abc"', "string[4]"),
        ('pid ? (1, "a") : (1000, "abc")', "(int16,string[4])"),
        ("{ $y = pid; $y }", "uint32"),
        ("if (pid == 1) { 1 } else if (pid == 2) { 300 } else { 70000 }", "int32"),
        ("comm[0]", "int8"),
        ("((int16[2])pid)[1]", "int16"),
        ("((int16 *)pid)[1]", "int16"),
        ("(int8 *)1 + 1", "int8 *"),
        ("1 + (int8 *)1", "int8 *"),
        ("(int8 *)1 - pid", "int8 *"),
    ],
)
def test_an_operator_gives(expression: str, type_: str) -> None:
    assert value(expression) == type_


@pytest.mark.parametrize(
    ("body", "type_"),
    [
        ("$x = (uint8)1; $x++;", "uint64"),
        ("$x = (uint8)1; ++$x;", "uint64"),
        ("$x = (uint8)1; $x--;", "int64"),
        ("$x = (int8)1; $x++;", "int64"),
        ("$x = 1; $x++;", "int64"),
        ("let $x : uint16 = 1; $x++; $x--;", "uint16"),
        ("$x = (int16 *)1; $x++; --$x;", "int16 *"),
        ("$x = 1; $x += pid;", "uint64"),
        ("$x = (int16 *)1; $x += 4;", "int16 *"),
    ],
)
def test_a_variable_that_is_changed_becomes(body: str, type_: str) -> None:
    assert type_of("$x", body) == type_


@pytest.mark.parametrize(
    ("body", "type_"),
    [
        ("@x++;", "int64"),
        ("@x--;", "int64"),
        ("@x += 1;", "int64"),
        ("@x += pid;", "uint64"),
        ("@x -= pid;", "int64"),
        ("@x[1]++;", "int64"),
        ("@x = (uint8)1; @x++;", "uint64"),
        ("@x++; @x = (uint8)1;", "uint64"),
        ("@x = (uint8)1; @x--;", "int64"),
        ("print(@x + 1);", "int8"),
        ("$y = @x;", "int8"),
        ("@x = @x;", "int8"),
    ],
)
def test_a_map_that_is_only_changed_or_read_becomes(body: str, type_: str) -> None:
    assert type_of("@x", body) == type_


@pytest.mark.parametrize(
    ("body", "type_"),
    [
        ('$x = "a"; $x = "abc"; $x = "ab";', "string[4]"),
        ('let $x : string; $x = "ab";', "string[3]"),
        ('let $x : string[20] = "ab";', "string[20]"),
        ("let $x : int32 = 1; $x = 5;", "int32"),
        ("let $x : int8[] = (int8[4])pid;", "int8[4]"),
        ("let $x : uint64 = pid;", "uint64"),
        ("let $x = 1000;", "int16"),
        ("let $x; $x = pid;", "uint32"),
        ("let $x : typeof(pid) = 1;", "uint32"),
        ('let $x : typeof((1, comm)) = (2, "a");', "(int8,string[16])"),
        ('$x = (1, "a"); $x = (1000, "abc");', "(int16,string[4])"),
        ("$x = (1, (2, 3)); $x = (1, (nsecs, -5));", "(int8,(uint64,int8))"),
        ('$x = (a=1, b="x"); $x = (b="xyz", a=1000);', "record { .a = int16, .b = string[4] }"),
        ("$x = 1; { $x = 1000; }", "int16"),
    ],
)
def test_a_variable_holds_all_that_is_assigned_to_it(body: str, type_: str) -> None:
    assert type_of("$x", body) == type_


@pytest.mark.parametrize(
    ("body", "type_"),
    [
        ("$x = 1; $p = &$x;", "int8 *"),
        ("$x = 1; $p = &$x; $x = 1000;", "int16 *"),
        ("$x = 1; $p = &$x; $x = *$p + 1;", "int64 *"),
        ("$x = 1; $q = &$x; $p = $q; $x = 1000;", "int16 *"),
        ("$x = comm; $p = &$x;", "string[16] *"),
        ("@x = 1; $p = &@x; @x = nsecs;", "uint64 *"),
        ("$x = 1; $y = &$x; $p = &$y; $x = 1000;", "int16 * *"),
    ],
)
def test_an_address_follows_the_type_of_what_lies_there(body: str, type_: str) -> None:
    assert type_of("$p", body) == type_


@pytest.mark.parametrize(
    ("keys", "type_"),
    [
        (("1",), "int8"),
        (("1", "1000"), "int16"),
        (("1", "-1", "pid"), "int64"),
        (("comm", '"a"'), "string[16]"),
        (("1, comm",), "(int8,string[16])"),
        (("1, comm", '(1000, "a")'), "(int16,string[16])"),
        (("(1, comm)", "2, comm"), "(int8,string[16])"),
        (("kstack",), "kstack_bpftrace_127"),
        (("1, kstack(perf, 3)",), "(int8,kstack_perf_3)"),
        (("()",), "()"),
        (("@count",), "uint64"),
        (("(1, @count)",), "(int8,uint64)"),
    ],
)
def test_a_key_holds_all_that_is_used_as_one(keys: tuple[str, ...], type_: str) -> None:
    uses = " ".join(f"@x[{key}] = 1;" for key in keys)
    assert Checked(f"begin {{ @count = count(); {uses} }}").maps()["@x"][0] == type_


def test_reads_and_deletions_are_uses_of_a_key() -> None:
    checked = Checked("begin { @x[1] = 1; print(@x[1000]); delete(@x, pid); }")
    assert checked.maps()["@x"] == ("uint32", "int8")


@pytest.mark.parametrize(
    ("body", "type_"),
    [
        ("@m[1] = comm; for ($kv : @m) { }", "(int8,string[16])"),
        ("@m[1, 2] = 1; for ($kv : @m) { }", "((int8,int8),int8)"),
        ("for ($kv : @m) { } @m[1] = 1; @m[1000] = (uint8)2;", "(int16,uint8)"),
        ("@m[1] = count(); for ($kv : @m) { }", "(int8,uint64)"),
        ("@m[1] = sum(pid); for ($kv : @m) { }", "(int8,uint64)"),
        ("@m[1] = min(-1); for ($kv : @m) { }", "(int8,int64)"),
        ("@m[1] = max(pid); for ($kv : @m) { }", "(int8,uint64)"),
        ("@m[1] = avg(pid); for ($kv : @m) { }", "(int8,uint64)"),
        ("for ($kv : 0..10) { }", "int8"),
        ("for ($kv : 0..1000) { }", "int16"),
        ("for ($kv : 0..pid) { }", "uint32"),
        ("for ($kv : (-5)..5) { }", "int8"),
    ],
)
def test_a_loop_variable_is(body: str, type_: str) -> None:
    assert type_of("$kv", body) == type_


def test_loops_one_after_another_have_variables_of_their_own() -> None:
    variables = Checked("begin { for ($i : 0..5) { } for ($i : 0..1000) { } }").variables()
    assert [str(type_) for type_ in variables.values()] == ["int8", "int16"]


@pytest.mark.parametrize(
    ("call", "type_", "number"),
    [
        ("count()", "count_t", "uint64"),
        ("sum(-1)", "sum_t", "int64"),
        ("sum(pid)", "usum_t", "uint64"),
        ("min(1)", "min_t", "int64"),
        ("min(pid)", "umin_t", "uint64"),
        ("max((int8)pid)", "max_t", "int64"),
        ("max(nsecs)", "umax_t", "uint64"),
        ("avg(1)", "avg_t", "int64"),
        ("avg(nsecs)", "uavg_t", "uint64"),
    ],
)
def test_an_aggregation_reads_as_a_number(call: str, type_: str, number: str) -> None:
    checked = Checked(
        f"begin {{ @m = {call}; $x = @m; $y = (1, @m); $z = @m + @m; $w = pid ? @m : @m; $v = @m == 1; "
        "if (@m) { } @b = (int64)@m; @i = 1; @i = @m; }"
    )
    found = {name: str(kind) for name, kind in checked.variables().items()}
    assert found == {"$x": number, "$y": f"(int8,{number})", "$z": number, "$w": number, "$v": "bool"}
    assert {name: kind for name, (_, kind) in checked.maps().items()} == {"@m": type_, "@b": "int64", "@i": number}


@pytest.mark.parametrize(
    ("call", "type_"), [("stats(1)", "stats_t"), ("stats(pid)", "ustats_t"), ("hist(1)", "hist_t")]
)
def test_other_aggregations_are_only_themselves(call: str, type_: str) -> None:
    assert type_of("@m", f"@m = {call};") == type_


def test_aggregations_of_both_signs_are_signed() -> None:
    assert type_of("@m", "@m = sum(pid); @m = sum(-1); @m = sum(nsecs);") == "sum_t"


@pytest.mark.parametrize(
    ("cast", "type_"),
    [
        ("(int8)300", "int8"),
        ("(uint64)(int8)pid", "uint64"),
        ("(int64)true", "int64"),
        ("(bool)5", "bool"),
        ("(bool)comm", "bool"),
        ("(bool)(int8 *)1", "bool"),
        ("(int8 *)pid", "int8 *"),
        ("(int8 *)comm", "int8 *"),
        ("(void *)1", "void *"),
        ("(int16 **)1", "int16 * *"),
        ("(int64)(int8 *)1", "int64"),
        ("(string[20])comm", "string[20]"),
        ("(string)comm", "string[16]"),
        ("(int8[8])nsecs", "int8[8]"),
        ("(int8[8])pid", "int8[8]"),
        ("(int8[])pid", "int8[4]"),
        ("(int16[])pid", "int16[2]"),
        ("(uint8[])comm", "uint8[16]"),
        ("(bool[])pid", "bool[4]"),
        ("(int32)(int8[4])pid", "int32"),
        ("(int16[])(int8[4])pid", "int16[2]"),
        ("(typeof(pid))1", "uint32"),
        ("(typeof(comm()))comm", "string[16]"),
    ],
)
def test_a_cast_gives(cast: str, type_: str) -> None:
    assert value(cast) == type_


@pytest.mark.parametrize(
    ("expression", "size"),
    [
        ("int8", 1),
        ("uint64", 8),
        ("bool", 1),
        ("string[20]", 20),
        ("int16[3]", 6),
        ("int8 *", 8),
        ("pid", 4),
        ("comm()", 16),
        ("(1, pid)", 8),
        ('(1, "ab", nsecs)', 16),
        ("kstack(3)", 32),
        ("ustack(3)", 40),
        ("typeof(@keyed)", 8),
        ("@keyed[1]", 2),
        ("@scalar", 4),
    ],
)
def test_sizeof_counts_bytes(expression: str, size: int) -> None:
    script = (
        f"begin {{ @keyed[nsecs] = 1000; @scalar = pid; if comptime (sizeof({expression}) == {size}) "
        "{ @right = 1; } else { @wrong = 1; } }"
    )
    assert "@right" in Checked(script).maps()


@pytest.mark.parametrize(
    ("expression", "base", "full"),
    [
        ("pid", "int", "uint32"),
        ("comm()", "string", "string[16]"),
        ("(int8 **)1", "pointer", "int8 * *"),
        ("(int8[4])pid", "array", "int8[4]"),
        ("pid == 1", "bool", "bool"),
        ("(1, comm)", "tuple", "(int8,string[16])"),
        ("(a=1, b=pid)", "record", "record { .a = int8, .b = uint32 }"),
        ("kstack(perf, 3)", "kstack", "kstack_perf_3"),
        ("@count", "int", "uint64"),
        ("uint16", "int", "uint16"),
        ("count_t", "count_t", "count_t"),
    ],
)
def test_typeinfo_names_a_type(expression: str, base: str, full: str) -> None:
    script = (
        "config = { unstable_typeinfo = enable } begin { @count = 1; @count = nsecs; "
        f'if comptime (typeinfo({expression}).base_type == "{base}") {{ @base = 1; }} '
        f'if comptime (typeinfo({expression}).full_type == "{full}") {{ @full = 1; }} }}'
    )
    assert {"@base", "@full"} <= Checked(script).maps().keys()


def test_what_comptime_drops_has_no_say() -> None:
    checked = Checked(
        'begin { @x = 1; if comptime (sizeof(nsecs) == 4) { @x = "a"; $y = comm; } else { @x = nsecs; $y = 1; } }'
    )
    assert (checked.maps()["@x"], checked.printed) == (("", "uint64"), "")
    assert str(checked.variables()["$y.2"]) == "int8"


def test_what_comptime_keeps_may_decide_more() -> None:
    checked = Checked(
        "begin { @a = 1; if comptime (sizeof(@a) == 1) { @b = 1000; } if comptime (sizeof(@b) == 2) { @c = comm; } "
        "if comptime (sizeof(@c) == 16) { @d = 1; } }"
    )
    assert checked.maps()["@d"] == ("", "int8")


def test_if_comptime_has_the_value_of_what_it_keeps() -> None:
    assert value("if comptime (sizeof(pid) == 4) { comm } else { 1 }") == "string[16]"


def test_comptime_gives_a_literal() -> None:
    (probe,) = _typed("begin { $x = comptime (sizeof(pid) + 1); @ = 1; }").probes
    assert 5 in probe.variants[0].constants.values()


def test_a_type_that_decided_something_may_be_used_again() -> None:
    assert Checked("begin { $x = 1; if comptime (sizeof($x) == 1) { $x = 5; } @y = $x; }").printed == ""


def test_a_probe_with_two_layouts_has_a_variable_for_each() -> None:
    typed = _typed("tracepoint:syscalls:sys_enter_openat* { $x = args.dfd; @ = $x; }")
    variants = typed.probes[0].variants
    assert [str(variant.variables["$x"]) for variant in variants] == ["int32", "int32"]


@pytest.mark.parametrize(
    ("probe", "expression", "space"),
    [
        ("begin", "(int8 *)1", "none"),
        ("begin", "(int8 *)kptr(1)", "kernel"),
        ("begin", "(int8 *)uptr(1)", "user"),
        ("begin", "(int16 *)(int8 *)uptr(1)", "user"),
        ("begin", "(int8 *)comm", "kernel"),
        ("begin", "uptr((int8 *)kptr(1))", "user"),
        ("begin", "(int8 *)uptr(1) + 1", "user"),
        ("begin", "*(int8 **)uptr(1)", "user"),
        ("begin", "((struct S *)kptr(1)).next", "kernel"),
        ("begin", "((struct S *)uptr(1)).next.next", "user"),
        ("begin", "((struct S *)uptr(1))[3].next", "user"),
        ("begin", "curtask", "kernel"),
        ("interval:s:1", "(int8 *)1", "none"),
        ("tracepoint:syscalls:sys_enter_openat", "(int8 *)1", "kernel"),
        ("tracepoint:syscalls:sys_enter_openat", "args", "kernel"),
        ("tracepoint:syscalls:sys_enter_openat", "args.filename", "user"),
        ("uprobe:/tmp/pybpftrace-golden/adder:add", "(int8 *)arg0", "user"),
        ("uprobe:/tmp/pybpftrace-golden/adder:add", "((struct S *)arg0).next", "user"),
    ],
)
def test_a_pointer_points_into(probe: str, expression: str, space: str) -> None:
    type_ = Checked(f"struct S {{ struct S *next; }}; {probe} {{ $it = {expression}; }}").variables()["$it"]
    assert isinstance(type_, Pointer)
    assert type_.space == space


def test_an_address_is_one_of_kernel_memory() -> None:
    type_ = Checked("begin { $x = 1; $p = &$x; }").variables()["$p"]
    assert isinstance(type_, Pointer)
    assert type_.space == "kernel"


def test_types_are_settled_in_what_is_handed_on() -> None:
    variables = Checked("begin { $x = 1; $t = (1, (2, 3)); @m = 1; }").variables()
    assert variables["$x"] == Int(1, True)
    assert not any("flexible=True" in repr(type_) for type_ in variables.values())


def _typed(script: str) -> TypedProgram:
    typed = Checked(script).typed
    assert typed is not None
    return typed
