"""Which casts are refused, and what is said about those that do nothing."""

from __future__ import annotations

import pytest
from checking import Checked

#: What the case is about, the script, and all that is printed about it.
CASES: list[tuple[str, str, str]] = [
    # To integers.
    (
        "string to integer",
        "begin { print((int64)comm); }",
        't:1:15-22: ERROR: Cannot cast from "string[16]" to "int64"\n'
        "begin { print((int64)comm); }\n"
        "              ~~~~~~~\n",
    ),
    (
        "tuple to integer",
        "begin { print((int64)(1, pid)); }",
        't:1:15-22: ERROR: Cannot cast from "(int8,uint32)" to "int64"\n'
        "begin { print((int64)(1, pid)); }\n"
        "              ~~~~~~~\n",
    ),
    (
        "record to integer",
        "begin { print((int64)(a=1, b=pid)); }",
        't:1:15-22: ERROR: Cannot cast from "record { .a = int8, .b = uint32 }" to "int64"\n'
        "begin { print((int64)(a=1, b=pid)); }\n"
        "              ~~~~~~~\n",
    ),
    (
        "stack to integer",
        "begin { print((int64)kstack); }",
        't:1:15-22: ERROR: Cannot cast from "kstack_bpftrace_127" to "int64"\n'
        "begin { print((int64)kstack); }\n"
        "              ~~~~~~~\n",
    ),
    (
        "array to a larger integer",
        "begin { $a = (int8[4])pid; print((int64)$a); }",
        't:1:34-41: ERROR: Cannot cast from "int8[4]" to "int64"\n'
        "begin { $a = (int8[4])pid; print((int64)$a); }\n"
        "                                 ~~~~~~~\n",
    ),
    (
        "array to a smaller integer",
        "begin { $a = (int8[4])pid; print((int16)$a); }",
        't:1:34-41: ERROR: Cannot cast from "int8[4]" to "int16"\n'
        "begin { $a = (int8[4])pid; print((int16)$a); }\n"
        "                                 ~~~~~~~\n",
    ),
    (
        "array to an integer of its size",
        "begin { $a = (int8[4])pid; print((int32)$a); }",
        "",
    ),
    (
        "struct to integer",
        "struct S { int a; }; begin { $s = *(struct S *)kptr(1); print((int64)$s); }",
        't:1:63-70: ERROR: Cannot cast from C type "struct S"\n'
        "struct S { int a; }; begin { $s = *(struct S *)kptr(1); print((int64)$s); }\n"
        "                                                              ~~~~~~~\n",
    ),
    (
        "statistics to integer",
        "begin { @s = stats(1); print((int64)@s); }",
        't:1:30-37: ERROR: Cannot cast from "stats_t" to "int64"\n'
        "begin { @s = stats(1); print((int64)@s); }\n"
        "                             ~~~~~~~\n",
    ),
    (
        "histogram to integer",
        "begin { @h = hist(1); print((int64)@h); }",
        't:1:29-36: ERROR: Cannot cast from "hist_t" to "int64"\n'
        "begin { @h = hist(1); print((int64)@h); }\n"
        "                            ~~~~~~~\n",
    ),
    (
        "nothing to integer",
        "begin { print((int64)print(1)); }",
        't:1:15-22: ERROR: Cannot cast from "none" type\n'
        "begin { print((int64)print(1)); }\n"
        "              ~~~~~~~\n",
    ),
    # To bool.
    (
        "array to bool",
        "begin { $a = (int8[4])pid; print((bool)$a); }",
        't:1:34-40: ERROR: Cannot cast from "int8[4]" to "bool"\n'
        "begin { $a = (int8[4])pid; print((bool)$a); }\n"
        "                                 ~~~~~~\n",
    ),
    (
        "tuple to bool",
        "begin { print((bool)(1, pid)); }",
        't:1:15-21: ERROR: Cannot cast from "(int8,uint32)" to "bool"\n'
        "begin { print((bool)(1, pid)); }\n"
        "              ~~~~~~\n",
    ),
    (
        "stack to bool",
        "begin { print((bool)kstack); }",
        't:1:15-21: ERROR: Cannot cast from "kstack_bpftrace_127" to "bool"\n'
        "begin { print((bool)kstack); }\n"
        "              ~~~~~~\n",
    ),
    (
        "struct to bool",
        "struct S { int a; }; begin { $s = *(struct S *)kptr(1); print((bool)$s); }",
        't:1:63-69: ERROR: Cannot cast from C type "struct S"\n'
        "struct S { int a; }; begin { $s = *(struct S *)kptr(1); print((bool)$s); }\n"
        "                                                              ~~~~~~\n",
    ),
    (
        "statistics to bool",
        "begin { @s = stats(1); print((bool)@s); }",
        't:1:30-36: ERROR: Cannot cast from "stats_t" to "bool"\n'
        "begin { @s = stats(1); print((bool)@s); }\n"
        "                             ~~~~~~\n",
    ),
    (
        "what can be bool",
        "begin { @c = count(); print((bool)pid); print((bool)comm); print((bool)(int8 *)1); print((bool)@c); }",
        "",
    ),
    # To pointers.
    (
        "array to pointer",
        "begin { $a = (int8[4])pid; print((int8 *)$a); }",
        't:1:34-42: ERROR: Cannot cast from "int8[4]" to "int8 *"\n'
        "begin { $a = (int8[4])pid; print((int8 *)$a); }\n"
        "                                 ~~~~~~~~\n",
    ),
    (
        "tuple to pointer",
        "begin { print((int8 *)(1, pid)); }",
        't:1:15-23: ERROR: Cannot cast from "(int8,uint32)" to "int8 *"\n'
        "begin { print((int8 *)(1, pid)); }\n"
        "              ~~~~~~~~\n",
    ),
    (
        "struct to pointer",
        "struct S { int a; }; begin { $s = *(struct S *)kptr(1); print((struct S *)$s); }",
        't:1:63-75: ERROR: Cannot cast from C type "struct S"\n'
        "struct S { int a; }; begin { $s = *(struct S *)kptr(1); print((struct S *)$s); }\n"
        "                                                              ~~~~~~~~~~~~\n",
    ),
    (
        "what can be a pointer",
        "begin { @c = count(); $a = (int8 *)pid; $b = (int8 *)comm; $c = (int8 *)(int16 *)1; $d = (int8 *)@c; }",
        "",
    ),
    # To strings.
    (
        "integer to string",
        "begin { print((string[8])pid); }",
        't:1:15-26: ERROR: Cannot cast from "uint32" to "string[8]"\n'
        "begin { print((string[8])pid); }\n"
        "              ~~~~~~~~~~~\n",
    ),
    (
        "pointer to string",
        "begin { print((string[8])(int8 *)1); }",
        't:1:15-26: ERROR: Cannot cast from "int8 *" to "string[8]"\n'
        "begin { print((string[8])(int8 *)1); }\n"
        "              ~~~~~~~~~~~\n",
    ),
    (
        "aggregation to string",
        "begin { @c = count(); print((string[8])@c); }",
        't:1:29-40: ERROR: Cannot cast from "count_t" to "string[8]"\n'
        "begin { @c = count(); print((string[8])@c); }\n"
        "                            ~~~~~~~~~~~\n",
    ),
    (
        "array to string",
        "begin { $a = (int8[4])pid; print((string[4])$a); }",
        't:1:34-45: ERROR: Cannot cast from "int8[4]" to "string[4]"\n'
        "begin { $a = (int8[4])pid; print((string[4])$a); }\n"
        "                                 ~~~~~~~~~~~\n",
    ),
    (
        "string to a shorter string",
        "begin { print((string[8])comm); }",
        't:1:15-26: ERROR: Cannot cast from "string[16]" to "string[8]"\n'
        "begin { print((string[8])comm); }\n"
        "              ~~~~~~~~~~~\n",
    ),
    (
        "string to a longer string",
        "begin { print((string[32])comm); }",
        "",
    ),
    (
        "string to a string of its size",
        "begin { print((string[16])comm); }",
        "t:1:15-27: WARNING: Unnecessary cast: expression is already of type string[16]\n"
        "begin { print((string[16])comm); }\n"
        "              ~~~~~~~~~~~~\n",
    ),
    # To arrays.
    (
        "integer to a larger array",
        "begin { $a = (int8[16])pid; }",
        't:1:14-24: ERROR: Cannot cast from "uint32" to "int8[16]"\n'
        "begin { $a = (int8[16])pid; }\n"
        "             ~~~~~~~~~~\n",
    ),
    (
        "integer to a smaller array",
        "begin { $a = (int8[2])pid; }",
        't:1:14-23: ERROR: Cannot cast from "uint32" to "int8[2]"\n'
        "begin { $a = (int8[2])pid; }\n"
        "             ~~~~~~~~~\n",
    ),
    (
        "integer to an array of 8 bytes at most",
        "begin { $a = (int8[8])pid; $b = (bool[4])pid; $c = (int16[2])pid; }",
        "",
    ),
    (
        "integer to an array that it does not fill evenly",
        "begin { $a = (int64[])pid; }",
        "t:1:14-23: ERROR: Cannot determine array size: the element size is incompatible with the cast integer size\n"
        "begin { $a = (int64[])pid; }\n"
        "             ~~~~~~~~~\n",
    ),
    (
        "aggregation to array",
        "begin { @c = count(); $a = (int8[8])@c; }",
        't:1:28-37: ERROR: Cannot cast from "count_t" to "int8[8]"\n'
        "begin { @c = count(); $a = (int8[8])@c; }\n"
        "                           ~~~~~~~~~\n",
    ),
    (
        "pointer to array",
        "begin { $a = (int8[8])(int8 *)1; }",
        't:1:14-23: ERROR: Cannot cast from "int8 *" to "int8[8]"\n'
        "begin { $a = (int8[8])(int8 *)1; }\n"
        "             ~~~~~~~~~\n",
    ),
    (
        "pointer to an array of any size",
        "begin { $a = (int8[])(int8 *)1; }",
        "t:1:14-22: ERROR: Could not determine size of the array\n"
        "begin { $a = (int8[])(int8 *)1; }\n"
        "             ~~~~~~~~\n",
    ),
    (
        "tuple to an array of any size",
        "begin { $a = (int8[])(1, pid); }",
        "t:1:14-22: ERROR: Could not determine size of the array\n"
        "begin { $a = (int8[])(1, pid); }\n"
        "             ~~~~~~~~\n",
    ),
    (
        "string to an array of another size",
        "begin { $a = (int8[15])comm; }",
        't:1:14-24: ERROR: Cannot cast from "string[16]" to "int8[15]"\n'
        "begin { $a = (int8[15])comm; }\n"
        "             ~~~~~~~~~~\n",
    ),
    (
        "string to an array of its size",
        "begin { $a = (int8[16])comm; $b = (uint8[])comm; $c = (bool[])comm; }",
        "",
    ),
    (
        "integer to an array of strings",
        "begin { $a = (string[2][2])pid; }",
        't:1:14-28: ERROR: Cannot cast from "uint32" to "string[2][2]"\n'
        "begin { $a = (string[2][2])pid; }\n"
        "             ~~~~~~~~~~~~~~\n",
    ),
    (
        "array to another array",
        "begin { $a = (int8[4])pid; $b = (int16[2])$a; $c = (int16[])$a; }",
        "",
    ),
    (
        "array to an array of another size",
        "begin { $a = (int8[4])pid; $b = (int16[4])$a; }",
        't:1:33-43: ERROR: Cannot cast from "int8[4]" to "int16[4]"\n'
        "begin { $a = (int8[4])pid; $b = (int16[4])$a; }\n"
        "                                ~~~~~~~~~~\n",
    ),
    # To enums and structs.
    (
        "literal that is no constant of the enum",
        "enum E { A = 1, B = 5 }; begin { $e = (enum E)3; }",
        "t:1:39-47: ERROR: Enum: E doesn't contain a variant value of 3\n"
        "enum E { A = 1, B = 5 }; begin { $e = (enum E)3; }\n"
        "                                      ~~~~~~~~\n",
    ),
    (
        "integers to an enum",
        "enum E { A = 1, B = 5 }; begin { $e = (enum E)5; $f = (enum E)pid; }",
        "",
    ),
    (
        "string to enum",
        "enum E { A = 1, B = 5 }; begin { $e = (enum E)comm; }",
        't:1:39-47: ERROR: Cannot cast from "string[16]" to "enum E"\n'
        "enum E { A = 1, B = 5 }; begin { $e = (enum E)comm; }\n"
        "                                      ~~~~~~~~\n",
    ),
    (
        "pointer to enum",
        "enum E { A = 1, B = 5 }; begin { $e = (enum E)(int8 *)1; }",
        't:1:39-47: ERROR: Cannot cast from "int8 *" to "enum E"\n'
        "enum E { A = 1, B = 5 }; begin { $e = (enum E)(int8 *)1; }\n"
        "                                      ~~~~~~~~\n",
    ),
    (
        "aggregation to enum",
        "enum E { A = 1, B = 5 }; begin { @c = count(); $e = (enum E)@c; }",
        't:1:53-61: ERROR: Cannot cast from "count_t" to "enum E"\n'
        "enum E { A = 1, B = 5 }; begin { @c = count(); $e = (enum E)@c; }\n"
        "                                                    ~~~~~~~~\n",
    ),
    (
        "integer to struct",
        "struct S { int a; }; begin { $s = (struct S)1; }",
        't:1:35-45: ERROR: Cannot cast from "int8" to "struct S"\n'
        "struct S { int a; }; begin { $s = (struct S)1; }\n"
        "                                  ~~~~~~~~~~\n",
    ),
    (
        "integer to void",
        "begin { print((void)1); }",
        't:1:15-21: ERROR: Cannot cast from "int8" to "void"\n'
        "begin { print((void)1); }\n"
        "              ~~~~~~\n",
    ),
    (
        "integer to aggregation",
        "begin { print((count_t)1); }",
        't:1:15-24: ERROR: Cannot cast from "int8" to "count_t"\n'
        "begin { print((count_t)1); }\n"
        "              ~~~~~~~~~\n",
    ),
    (
        "unknown enum",
        "begin { print((enum nosuch)1); }",
        't:1:16-27: ERROR: Cannot resolve unknown type "enum nosuch"\n'
        "begin { print((enum nosuch)1); }\n"
        "               ~~~~~~~~~~~\n",
    ),
    (
        "unknown type",
        "begin { print((nosuch)1); }",
        't:1:16-22: ERROR: Cannot resolve unknown type "nosuch"\n'
        "begin { print((nosuch)1); }\n"
        "               ~~~~~~\n",
    ),
    # Casts that change nothing.
    (
        "same integer",
        "begin { print((uint32)pid); }",
        "t:1:15-23: WARNING: Unnecessary cast: expression is already of type uint32\n"
        "begin { print((uint32)pid); }\n"
        "              ~~~~~~~~\n",
    ),
    (
        "same bool",
        "begin { print((bool)(pid == 1)); }",
        "t:1:15-21: WARNING: Unnecessary cast: expression is already of type bool\n"
        "begin { print((bool)(pid == 1)); }\n"
        "              ~~~~~~\n",
    ),
    (
        "same pointer",
        "begin { $p = (int8 *)1; print((int8 *)$p); }",
        "t:1:31-39: WARNING: Unnecessary cast: expression is already of type int8 *\n"
        "begin { $p = (int8 *)1; print((int8 *)$p); }\n"
        "                              ~~~~~~~~\n",
    ),
    (
        "sign for a literal",
        "begin { print((int8)5); print((uint64)5); }",
        "",
    ),
    (
        "number of an aggregation",
        "begin { @c = count(); @s = sum(-1); print((uint64)@c); print((int64)@s); }",
        "",
    ),
    (
        "cast to the type of something",
        "begin { $x = (uint32)5; print((typeof(pid))$x); }",
        "",
    ),
]


@pytest.mark.parametrize(("script", "printed"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_it_says(script: str, printed: str) -> None:
    assert Checked(script).printed == printed
