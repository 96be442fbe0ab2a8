"""What is said about members, elements, indexes and dereferences, word for word."""

from __future__ import annotations

import pytest
from checking import Checked

#: What the case is about, the script, and all that is printed about it.
CASES: list[tuple[str, str, str]] = [
    # Structs (5).
    (
        "unknown member",
        "struct S { int alpha; }; begin { $p = (struct S *)kptr(1); print($p.beta); }",
        "t:1:66-73: ERROR: Struct/union of type 'struct S' does not contain a field named 'beta'\n"
        "struct S { int alpha; }; begin { $p = (struct S *)kptr(1); print($p.beta); }\n"
        "                                                                 ~~~~~~~\n",
    ),
    (
        "unknown member with a hint",
        "struct S { int alpha; }; begin { $p = (struct S *)kptr(1); print($p->alhpa); }",
        "t:1:66-75: ERROR: Struct/union of type 'struct S' does not contain a field named 'alhpa'\n"
        "struct S { int alpha; }; begin { $p = (struct S *)kptr(1); print($p->alhpa); }\n"
        "                                                                 ~~~~~~~~~\n"
        "HINT: did you mean 'alpha'?\n",
    ),
    (
        "unknown member of a union",
        "union U { int alpha; }; begin { $p = (union U *)kptr(1); print($p.z); }",
        "t:1:64-68: ERROR: Struct/union of type 'union U' does not contain a field named 'z'\n"
        "union U { int alpha; }; begin { $p = (union U *)kptr(1); print($p.z); }\n"
        "                                                               ~~~~\n",
    ),
    (
        "member of a struct that is only declared",
        "struct S { struct T *t; }; begin { $p = (struct S *)kptr(1); print($p.t.x); }",
        "t:1:68-74: ERROR: Unknown struct/union: 'struct T'\n"
        "struct S { struct T *t; }; begin { $p = (struct S *)kptr(1); print($p.t.x); }\n"
        "                                                                   ~~~~~~\n",
    ),
    (
        "struct that is only declared",
        "struct S { struct T *t; }; begin { $p = (struct S *)kptr(1); print(*$p.t); }",
        "t:1:68-73: ERROR: Unknown struct/union: 'struct T'\n"
        "struct S { struct T *t; }; begin { $p = (struct S *)kptr(1); print(*$p.t); }\n"
        "                                                                   ~~~~~\n",
    ),
    (
        "element of a struct that is only declared",
        "struct S { struct T *t; }; begin { $p = (struct S *)kptr(1); print($p.t[1]); }",
        "t:1:68-75: ERROR: The array index operator [] cannot be used on a pointer to an unsized type (struct T *).\n"
        "struct S { struct T *t; }; begin { $p = (struct S *)kptr(1); print($p.t[1]); }\n"
        "                                                                   ~~~~~~~\n",
    ),
    (
        "member without a type here",
        "struct S { float f; }; begin { $p = (struct S *)kptr(1); print($p.f); }",
        "t:1:64-68: ERROR: f has unsupported type\n"
        "struct S { float f; }; begin { $p = (struct S *)kptr(1); print($p.f); }\n"
        "                                                               ~~~~\n",
    ),
    (
        "member by number",
        "struct S { int alpha; }; begin { $p = (struct S *)kptr(1); print($p.0); }",
        "t:1:66-70: ERROR: Can not access index '0' on expression of type 'struct S *'\n"
        "struct S { int alpha; }; begin { $p = (struct S *)kptr(1); print($p.0); }\n"
        "                                                                 ~~~~\n",
    ),
    (
        "member of an integer",
        "begin { print(pid.x); }",
        "t:1:15-20: ERROR: Can not access field 'x' on expression of type 'uint32'\n"
        "begin { print(pid.x); }\n"
        "              ~~~~~\n",
    ),
    (
        "member of a string",
        "begin { print(comm->x); }",
        "t:1:15-22: ERROR: Can not access field 'x' on expression of type 'string[16]'\n"
        "begin { print(comm->x); }\n"
        "              ~~~~~~~\n",
    ),
    (
        "member of a pointer to integers",
        "begin { $p = (int8 *)kptr(1); print($p.x); }",
        "t:1:37-41: ERROR: Can not access field 'x' on expression of type 'int8 *'\n"
        "begin { $p = (int8 *)kptr(1); print($p.x); }\n"
        "                                    ~~~~\n",
    ),
    (
        "member of nothing",
        "begin { print(print(1).x); }",
        "t:1:15-25: ERROR: Can not access field 'x' on expression of type 'void'\n"
        "begin { print(print(1).x); }\n"
        "              ~~~~~~~~~~\n",
    ),
    (
        "member through two pointers",
        "struct S { struct S *next; int a; }; begin { $p = (struct S **)kptr(1); print($p.next.next.a); }",
        "",
    ),
    (
        "unknown member of the arguments",
        "tracepoint:syscalls:sys_enter_openat { print(args.filname); }",
        "t:1:46-58: ERROR: Struct/union of type 'sys_enter_openat' does not contain a field named 'filname'\n"
        "tracepoint:syscalls:sys_enter_openat { print(args.filname); }\n"
        "                                             ~~~~~~~~~~~~\n"
        "HINT: did you mean 'filename'?\n",
    ),
    (
        "common member of the arguments",
        "tracepoint:syscalls:sys_enter_openat { print(args.common_pid); }",
        "t:1:46-61: ERROR: BPF does not support accessing common tracepoint fields\n"
        "tracepoint:syscalls:sys_enter_openat { print(args.common_pid); }\n"
        "                                             ~~~~~~~~~~~~~~~\n",
    ),
    (
        "two structs in a variable",
        "struct S { int a; }; struct T { int a; }; begin { $p = (struct S *)kptr(1); $p = (struct T *)kptr(1); }",
        "t:1:77-101: ERROR: Type mismatch for $p: trying to assign value of type 'struct T *' when variable already "
        "has a type 'struct S *'\n"
        "struct S { int a; }; struct T { int a; }; begin { $p = (struct S *)kptr(1); $p = (struct T *)kptr(1); }\n"
        "                                                                            ~~~~~~~~~~~~~~~~~~~~~~~~\n",
    ),
    (
        "two structs compared",
        "struct S { int a; }; struct T { int a; }; begin { print((struct S *)kptr(1) == (struct T *)kptr(1)); }",
        "t:1:57-99: WARNING: comparison of distinct pointer types: struct S *, struct T *\n"
        "struct S { int a; }; struct T { int a; }; begin { print((struct S *)kptr(1) == (struct T *)kptr(1)); }\n"
        "                                                        ~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~\n"
        "t:1:57-69: WARNING: left (struct S *)\n"
        "struct S { int a; }; struct T { int a; }; begin { print((struct S *)kptr(1) == (struct T *)kptr(1)); }\n"
        "                                                        ~~~~~~~~~~~~\n"
        "t:1:80-92: WARNING: right (struct T *)\n"
        "struct S { int a; }; struct T { int a; }; begin { print((struct S *)kptr(1) == (struct T *)kptr(1)); }\n"
        "                                                                               ~~~~~~~~~~~~\n",
    ),
    (
        "struct as a condition",
        "struct S { int a; }; begin { if (*(struct S *)kptr(1)) { } }",
        "t:1:34-54: ERROR: Invalid condition: c_type\n"
        "struct S { int a; }; begin { if (*(struct S *)kptr(1)) { } }\n"
        "                                 ~~~~~~~~~~~~~~~~~~~~\n",
    ),
    (
        "struct as a return value",
        "struct S { int a; }; begin { return *(struct S *)kptr(1); }",
        "t:1:37-57: ERROR: Probe return values can only be integers. Found c_type\n"
        "struct S { int a; }; begin { return *(struct S *)kptr(1); }\n"
        "                                    ~~~~~~~~~~~~~~~~~~~~\n",
    ),
    (
        "offset of an unknown member",
        "struct S { int a; }; begin { print(offsetof(struct S, b)); }",
        "t:1:36-57: ERROR: 'struct S' has no field named 'b'\n"
        "struct S { int a; }; begin { print(offsetof(struct S, b)); }\n"
        "                                   ~~~~~~~~~~~~~~~~~~~~~\n",
    ),
    (
        "offset in an integer",
        "struct S { int a; }; begin { print(offsetof(struct S, a.b)); }",
        "t:1:36-59: ERROR: 'int32' is not a C type.\n"
        "struct S { int a; }; begin { print(offsetof(struct S, a.b)); }\n"
        "                                   ~~~~~~~~~~~~~~~~~~~~~~~\n",
    ),
    (
        "offset behind a pointer",
        "struct S { int a; }; begin { print(offsetof(struct S *, a)); }",
        "t:1:36-59: ERROR: 'struct S *' is not a C type.\n"
        "struct S { int a; }; begin { print(offsetof(struct S *, a)); }\n"
        "                                   ~~~~~~~~~~~~~~~~~~~~~~~\n",
    ),
    (
        "offset in no struct",
        "begin { print(offsetof(comm(), a)); }",
        "t:1:15-34: ERROR: 'string[16]' is not a C type.\n"
        "begin { print(offsetof(comm(), a)); }\n"
        "              ~~~~~~~~~~~~~~~~~~~\n",
    ),
    (
        "bare builtin in a type context",
        "begin { print(sizeof(comm)); }",
        "t:1:22-26: ERROR: Unknown identifier: 'comm'\n"
        "begin { print(sizeof(comm)); }\n"
        "                     ~~~~\n"
        "HINT: a bare name is a type here; comm() is the value\n",
    ),
    (
        "offset in an unknown struct",
        "begin { print(offsetof(struct nosuch, a)); }",
        "t:1:15-41: ERROR: 'struct nosuch' does not exist.\n"
        "begin { print(offsetof(struct nosuch, a)); }\n"
        "              ~~~~~~~~~~~~~~~~~~~~~~~~~~\n",
    ),
    (
        "offset in a struct that is only declared",
        "struct S { struct T *t; }; begin { print(offsetof(*((struct S *)kptr(1)).t, a)); }",
        "t:1:51-75: ERROR: Unknown struct/union: 'struct T'\n"
        "struct S { struct T *t; }; begin { print(offsetof(*((struct S *)kptr(1)).t, a)); }\n"
        "                                                  ~~~~~~~~~~~~~~~~~~~~~~~~\n",
    ),
    # Enums (5).
    (
        "unknown enum constant",
        "enum E { ALPHA = 1 }; begin { print(ALHPA); }",
        "t:1:37-42: ERROR: Unknown identifier: 'ALHPA'\n"
        "enum E { ALPHA = 1 }; begin { print(ALHPA); }\n"
        "                                    ~~~~~\n",
    ),
    (
        "unknown enum",
        "begin { let $e : enum nosuch; }",
        't:1:18-29: ERROR: Cannot resolve unknown type "enum nosuch"\n'
        "begin { let $e : enum nosuch; }\n"
        "                 ~~~~~~~~~~~\n"
        "t:1:9-29: WARNING: Variable $e was never assigned to.\n"
        "begin { let $e : enum nosuch; }\n"
        "        ~~~~~~~~~~~~~~~~~~~~\n",
    ),
    (
        "an enum is an integer",
        "enum E { A = 1, B = 5 }; begin { @ = hist(A); @s = sum(B); for ($i : A..B) { } print(comm[A]); return A; }",
        "",
    ),
    # Arrays (6).
    (
        "negative index",
        "begin { print(comm[-1]); }",
        "t:1:20-22: ERROR: The array index operator [] only accepts non-negative integer indices. Got: int8\n"
        "begin { print(comm[-1]); }\n"
        "                   ~~\n",
    ),
    (
        "signed index",
        "begin { $i = (int32)1; print(comm[$i]); }",
        "t:1:35-37: ERROR: The array index operator [] only accepts non-negative integer indices. Got: int32\n"
        "begin { $i = (int32)1; print(comm[$i]); }\n"
        "                                  ~~\n",
    ),
    (
        "string as an index",
        'begin { print(comm["a"]); }',
        "t:1:20-23: ERROR: The array index operator [] only accepts non-negative integer indices. Got: string[2]\n"
        'begin { print(comm["a"]); }\n'
        "                   ~~~\n",
    ),
    (
        "index beyond an array",
        "begin { $a = (int8[4])pid; print($a[4]); }",
        "t:1:37-38: ERROR: the index 4 is out of bounds for array of size 4\n"
        "begin { $a = (int8[4])pid; print($a[4]); }\n"
        "                                    ~\n",
    ),
    (
        "index beyond a string",
        "begin { print(comm[16]); }",
        "t:1:20-22: ERROR: the index 16 is out of bounds for array of size 16\n"
        "begin { print(comm[16]); }\n"
        "                   ~~\n",
    ),
    (
        "index into an integer",
        "begin { print(pid[0]); }",
        "t:1:15-21: ERROR: The array index operator [] can only be used on arrays, pointers, and tuples, found int.\n"
        "begin { print(pid[0]); }\n"
        "              ~~~~~~\n",
    ),
    (
        "index into a stack",
        "begin { print(kstack[0]); }",
        "t:1:15-24: ERROR: The array index operator [] can only be used on arrays, pointers, and tuples, found "
        "kstack.\n"
        "begin { print(kstack[0]); }\n"
        "              ~~~~~~~~~\n",
    ),
    (
        "index into a record",
        "begin { $r = (a=1, b=pid); print($r[0]); }",
        "t:1:34-39: ERROR: The array index operator [] can only be used on arrays, pointers, and tuples, found "
        "record.\n"
        "begin { $r = (a=1, b=pid); print($r[0]); }\n"
        "                                 ~~~~~\n",
    ),
    (
        "index into nothing",
        "begin { print(print(1)[0]); }",
        "t:1:15-26: ERROR: The array index operator [] can only be used on arrays, pointers, and tuples, found "
        "void.\n"
        "begin { print(print(1)[0]); }\n"
        "              ~~~~~~~~~~~\n",
    ),
    (
        "what can be an index",
        "begin { $a = (int8[4])pid; $i = 1; print($a[0]); print($a[3]); print($a[$i]); print($a[nsecs]); }",
        "",
    ),
    # Tuples and records (7).
    (
        "element that is not there",
        'begin { $t = (1, "a"); print($t.2); }',
        "t:1:30-34: ERROR: Invalid tuple index: 2. Found 2 elements in tuple.\n"
        'begin { $t = (1, "a"); print($t.2); }\n'
        "                             ~~~~\n",
    ),
    (
        "element that is not there by index",
        'begin { $t = (1, "a"); print($t[2]); }',
        "t:1:30-35: ERROR: Invalid tuple index: 2. Found 2 elements in tuple.\n"
        'begin { $t = (1, "a"); print($t[2]); }\n'
        "                             ~~~~~\n",
    ),
    (
        "element by a variable index",
        'begin { $t = (1, "a"); print($t[pid]); }',
        "t:1:33-36: ERROR: Array-style access for tuples only valid for integer literals\n"
        'begin { $t = (1, "a"); print($t[pid]); }\n'
        "                                ~~~\n",
    ),
    (
        "element by a name",
        'begin { $t = (1, "a"); print($t.x); }',
        "t:1:30-34: ERROR: Can not access field 'x' on expression of type '(int8,string[2])'\n"
        'begin { $t = (1, "a"); print($t.x); }\n'
        "                             ~~~~\n",
    ),
    (
        "element of an integer",
        "begin { print(pid.0); }",
        "t:1:15-20: ERROR: Can not access index '0' on expression of type 'uint32'\n"
        "begin { print(pid.0); }\n"
        "              ~~~~~\n",
    ),
    (
        "element of a record",
        'begin { $r = (a=1, b="x"); print($r.0); }',
        "t:1:34-38: ERROR: Can not access index '0' on expression of type 'record { .a = int8, .b = string[2] }'\n"
        'begin { $r = (a=1, b="x"); print($r.0); }\n'
        "                                 ~~~~\n",
    ),
    (
        "element of a pointer to a tuple",
        "begin { $t = (1, 2); $p = &$t; print($p.0); }",
        "t:1:38-42: ERROR: Can not access index '0' on expression of type '(int8,int8) *'\n"
        "begin { $t = (1, 2); $p = &$t; print($p.0); }\n"
        "                                     ~~~~\n",
    ),
    (
        "unknown field of a record",
        'begin { $r = (alpha=1, beta="x"); print($r.z); }',
        "t:1:41-45: ERROR: Record does not contain a field named 'z'\n"
        'begin { $r = (alpha=1, beta="x"); print($r.z); }\n'
        "                                        ~~~~\n",
    ),
    (
        "unknown field of a record with a hint",
        'begin { $r = (alpha=1, beta="x"); print($r.alhpa); }',
        "t:1:41-49: ERROR: Record does not contain a field named 'alhpa'\n"
        'begin { $r = (alpha=1, beta="x"); print($r.alhpa); }\n'
        "                                        ~~~~~~~~\n"
        "HINT: did you mean 'alpha'?\n",
    ),
    (
        "tuples of different length",
        "begin { $t = (1,); $t = (1, 2); }",
        "t:1:20-31: ERROR: Type mismatch for $t: trying to assign value of type '(int8,int8)' when variable already "
        "has a type '(int8)'\n"
        "begin { $t = (1,); $t = (1, 2); }\n"
        "                   ~~~~~~~~~~~\n",
    ),
    (
        "tuples of different kinds",
        'begin { $t = (1, "a"); $t = ("a", 1); }',
        "t:1:24-37: ERROR: Type mismatch for $t: trying to assign value of type '(string[2],int8)' when variable "
        "already has a type '(int8,string[2])'\n"
        'begin { $t = (1, "a"); $t = ("a", 1); }\n'
        "                       ~~~~~~~~~~~~~\n",
    ),
    (
        "records of different fields",
        'begin { $r = (a=1, b="x"); $r = (b="xyz", c=1000); }',
        "t:1:28-50: ERROR: Type mismatch for $r: trying to assign value of type 'record { .b = string[4], .c = "
        "int16 }' when variable already has a type 'record { .a = int8, .b = string[2] }'\n"
        'begin { $r = (a=1, b="x"); $r = (b="xyz", c=1000); }\n'
        "                           ~~~~~~~~~~~~~~~~~~~~~~\n",
    ),
    (
        "record and tuple",
        'begin { $r = (a=1, b="x"); $r = (1, "x"); }',
        "t:1:28-41: ERROR: Type mismatch for $r: trying to assign value of type '(int8,string[2])' when variable "
        "already has a type 'record { .a = int8, .b = string[2] }'\n"
        'begin { $r = (a=1, b="x"); $r = (1, "x"); }\n'
        "                           ~~~~~~~~~~~~~\n",
    ),
    (
        "nothing in a tuple",
        "begin { $t = (1, print(1)); }",
        "t:1:18-26: ERROR: Value 'void' cannot exist inside a tuple.\n"
        "begin { $t = (1, print(1)); }\n"
        "                 ~~~~~~~~\n",
    ),
    (
        "nothing in a record",
        "begin { $r = (a=print(1)); }",
        "t:1:17-25: ERROR: Value 'void' cannot exist inside a record.\n"
        "begin { $r = (a=print(1)); }\n"
        "                ~~~~~~~~\n",
    ),
    (
        "histogram in a tuple",
        "begin { @h = hist(1); $t = (1, @h); }",
        "t:1:32-34: ERROR: Map type hist_t cannot exist inside a tuple.\n"
        "begin { @h = hist(1); $t = (1, @h); }\n"
        "                               ~~\n",
    ),
    (
        "histogram in a record",
        "begin { @h = lhist(1, 0, 10, 1); $r = (a=@h); }",
        "t:1:42-44: ERROR: Map type lhist_t cannot exist inside a record.\n"
        "begin { @h = lhist(1, 0, 10, 1); $r = (a=@h); }\n"
        "                                         ~~\n",
    ),
    (
        "statistics in a tuple",
        "begin { @h = stats(1); $t = (@h, 1); }",
        "t:1:30-32: ERROR: Map type stats_t cannot exist inside a tuple.\n"
        "begin { @h = stats(1); $t = (@h, 1); }\n"
        "                             ~~\n",
    ),
    # Dereferences (4).
    (
        "struct that is no pointer",
        "struct S { int a; }; begin { $s = *(struct S *)kptr(1); print(*$s); }",
        "t:1:63-66: ERROR: Can not dereference struct/union of type 'struct S'. It is not a pointer.\n"
        "struct S { int a; }; begin { $s = *(struct S *)kptr(1); print(*$s); }\n"
        "                                                              ~~~\n",
    ),
    (
        "string that is no pointer",
        "begin { print(*comm); }",
        "t:1:15-20: ERROR: Can not dereference type 'string[16]'\n"
        "begin { print(*comm); }\n"
        "              ~~~~~\n",
    ),
    (
        "tuple that is no pointer",
        "begin { print(*(1, pid)); }",
        "t:1:15-24: ERROR: Can not dereference type '(int8,uint32)'\n"
        "begin { print(*(1, pid)); }\n"
        "              ~~~~~~~~~\n",
    ),
    (
        "pointer to void",
        "begin { $p = (void *)kptr(1); print(*$p); }",
        "t:1:37-40: ERROR: Can not dereference type 'void *'\n"
        "begin { $p = (void *)kptr(1); print(*$p); }\n"
        "                                    ~~~\n",
    ),
    (
        "element of a pointer to void",
        "begin { $p = (void *)kptr(1); print($p[1]); }",
        "t:1:37-42: ERROR: The array index operator [] cannot be used on a pointer to an unsized type (void *).\n"
        "begin { $p = (void *)kptr(1); print($p[1]); }\n"
        "                                    ~~~~~\n",
    ),
    (
        "address without a memory",
        "begin { $p = (int8 *)1; print(*$p); }",
        "t:1:31-34: WARNING: Addrspace is not set\n"
        "begin { $p = (int8 *)1; print(*$p); }\n"
        "                              ~~~\n",
    ),
    (
        "address without a memory is told once",
        "begin { $p = (int8 *)1; print(*$p); print($p[1]); }\n"
        "end { print(*(int16 *)5); print(*5); }",
        "t:1:31-34: WARNING: Addrspace is not set\n"
        "begin { $p = (int8 *)1; print(*$p); print($p[1]); }\n"
        "                              ~~~\n",
    ),
    (
        "addresses of two memories",
        "begin { $p = (int8 *)kptr(1); $p = (int8 *)uptr(2); }",
        "t:1:31-51: WARNING: Addrspace mismatch\n"
        "begin { $p = (int8 *)kptr(1); $p = (int8 *)uptr(2); }\n"
        "                              ~~~~~~~~~~~~~~~~~~~~\n",
    ),
    (
        "addresses of two memories compared",
        "begin { print((int8 *)kptr(1) == (int8 *)uptr(2)); }",
        "t:1:15-49: WARNING: Addrspace mismatch\n"
        "begin { print((int8 *)kptr(1) == (int8 *)uptr(2)); }\n"
        "              ~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~\n",
    ),
    (
        "address of a map that has no value",
        "begin { $p = &@x; }",
        "t:1:15-17: ERROR: Undefined map: @x\n"
        "begin { $p = &@x; }\n"
        "              ~~\n",
    ),
    (
        "address of an unknown variable",
        "begin { $p = &$x; }",
        "t:1:15-17: ERROR: Undefined or undeclared variable: $x\n"
        "begin { $p = &$x; }\n"
        "              ~~\n",
    ),
]


@pytest.mark.parametrize(("script", "printed"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_it_says(script: str, printed: str) -> None:
    assert Checked(script).printed == printed
