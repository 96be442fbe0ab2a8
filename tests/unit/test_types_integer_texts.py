"""What is said about integers, comparisons, operators and conversions, word for word."""

from __future__ import annotations

import pytest
from checking import Checked

#: What the case is about, the script, and all that is printed about it.
CASES: list[tuple[str, str, str]] = [
    # Literals and declared types (2.5).
    (
        "negative for an unsigned variable",
        "begin { let $a : uint16 = -1; }",
        "t:1:9-24: ERROR: Type mismatch for $a: trying to assign value of type 'int8' when variable already has a "
        "type 'uint16'\n"
        "begin { let $a : uint16 = -1; }\n"
        "        ~~~~~~~~~~~~~~~\n",
    ),
    (
        "too large for a declared variable",
        "begin { let $a : int8 = 300; }",
        "t:1:9-22: ERROR: Type mismatch for $a: trying to assign value of type 'int16' when variable already has a "
        "type 'int8'\n"
        "begin { let $a : int8 = 300; }\n"
        "        ~~~~~~~~~~~~~\n",
    ),
    (
        "too large later on",
        "begin { let $a : uint8; $a = 256; }",
        "t:1:25-33: ERROR: Type mismatch for $a: trying to assign value of type 'int16' when variable already has a "
        "type 'uint8'\n"
        "begin { let $a : uint8; $a = 256; }\n"
        "                        ~~~~~~~~\n",
    ),
    (
        "just fits",
        "begin { let $a : uint8 = 255; $a = 0; let $b : int8 = -128; }",
        "",
    ),
    (
        "a value may be too large for its variable",
        "begin { let $a : int8 = pid; }",
        "t:1:25-28: WARNING: Expression of type: uint32 being cast to type: int8. This may cause unexpected "
        "results. Use an explicit cast to suppress this warning.\n"
        "begin { let $a : int8 = pid; }\n"
        "                        ~~~\n",
    ),
    (
        "a value may be too large for a signed variable",
        "begin { let $a : int64 = nsecs; }",
        "t:1:26-31: WARNING: Expression of type: uint64 being cast to type: int64. This may cause unexpected "
        "results. Use an explicit cast to suppress this warning.\n"
        "begin { let $a : int64 = nsecs; }\n"
        "                         ~~~~~\n",
    ),
    (
        "same size and another sign",
        "begin { let $a : int32 = pid; }",
        "t:1:26-29: WARNING: Expression of type: uint32 being cast to type: int32. This may cause unexpected "
        "results. Use an explicit cast to suppress this warning.\n"
        "begin { let $a : int32 = pid; }\n"
        "                         ~~~\n",
    ),
    (
        "unsigned into a wider signed variable",
        "begin { let $a : int64 = pid; }",
        "",
    ),
    (
        "a cast says that it is meant",
        "begin { let $a : int8 = (int8)pid; }",
        "",
    ),
    (
        "arithmetic is wider than a declared variable",
        "begin { let $a : uint16 = 1; $a += 1; }",
        "t:1:30-37: WARNING: Expression of type: uint64 being cast to type: uint16. This may cause unexpected "
        "results. Use an explicit cast to suppress this warning.\n"
        "begin { let $a : uint16 = 1; $a += 1; }\n"
        "                             ~~~~~~~\n",
    ),
    (
        "increments keep a declared type",
        "begin { let $a : uint16 = 1; $a++; $a--; }",
        "",
    ),
    # Uses of different sign (2.2).
    (
        "64 bits of both signs in a variable",
        "begin { $a = (uint64)1; $a = (int64)-5; }",
        "t:1:14-22: WARNING: Expression of type: uint64 being cast to type: int64. This may cause unexpected "
        "results. Use an explicit cast to suppress this warning.\n"
        "begin { $a = (uint64)1; $a = (int64)-5; }\n"
        "             ~~~~~~~~\n",
    ),
    (
        "64 bits of both signs in a map",
        "begin { @a = nsecs; @a = -1; }",
        "t:1:14-19: WARNING: Expression of type: uint64 being cast to type: int64. This may cause unexpected "
        "results. Use an explicit cast to suppress this warning.\n"
        "begin { @a = nsecs; @a = -1; }\n"
        "             ~~~~~\n",
    ),
    (
        "64 bits of both signs in a key",
        "begin { @a[nsecs] = 1; @a[-1] = 1; }",
        "t:1:12-17: WARNING: Expression of type: uint64 being cast to type: int64. This may cause unexpected "
        "results. Use an explicit cast to suppress this warning.\n"
        "begin { @a[nsecs] = 1; @a[-1] = 1; }\n"
        "           ~~~~~\n",
    ),
    (
        "64 bits of both signs in a part of a key",
        'begin { @a["x", nsecs] = 1; @a["y", -1] = 1; }',
        "t:1:17-22: WARNING: Expression of type: uint64 being cast to type: int64. This may cause unexpected "
        "results. Use an explicit cast to suppress this warning.\n"
        'begin { @a["x", nsecs] = 1; @a["y", -1] = 1; }\n'
        "                ~~~~~\n",
    ),
    (
        "64 bits of both signs in a tuple",
        "begin { $t = (1, nsecs); $t = (1, -1); }",
        "t:1:14-24: WARNING: Expression of type: (int8,uint64) being cast to type: (int8,int64). This may cause "
        "unexpected results. Use an explicit cast to suppress this warning.\n"
        "begin { $t = (1, nsecs); $t = (1, -1); }\n"
        "             ~~~~~~~~~~\n",
    ),
    (
        "64 bits of both signs in ?:",
        "begin { $x = pid ? nsecs : -1; }",
        "t:1:20-25: WARNING: Expression of type: uint64 being cast to type: int64. This may cause unexpected "
        "results. Use an explicit cast to suppress this warning.\n"
        "begin { $x = pid ? nsecs : -1; }\n"
        "                   ~~~~~\n",
    ),
    (
        "64 bits of both signs in a range",
        "begin { for ($i : nsecs..((int64)5)) { } }",
        "t:1:19-24: WARNING: Expression of type: uint64 being cast to type: int64. This may cause unexpected "
        "results. Use an explicit cast to suppress this warning.\n"
        "begin { for ($i : nsecs..((int64)5)) { } }\n"
        "                  ~~~~~\n",
    ),
    (
        "smaller ones of both signs",
        "begin { $a = pid; $a = (int32)-5; @[pid] = 1; @[-1] = 1; }",
        "",
    ),
    (
        "a literal above 63 bits with a negative one in a variable",
        "begin { $a = 18446744073709551615; $a = -1; }",
        "t:1:9-34: ERROR: Type mismatch for $a: trying to assign value of type 'uint64' when variable already has a "
        "type 'int64'\n"
        "begin { $a = 18446744073709551615; $a = -1; }\n"
        "        ~~~~~~~~~~~~~~~~~~~~~~~~~\n",
    ),
    (
        "a literal above 63 bits with a negative one in a map",
        "begin { @a = 18446744073709551615; @a = -1; }",
        "t:1:9-11: ERROR: Type mismatch for @a: trying to assign value of type 'uint64' when map already has a type "
        "'int64'\n"
        "begin { @a = 18446744073709551615; @a = -1; }\n"
        "        ~~\n",
    ),
    (
        "a literal above 63 bits with a negative one in a key",
        "begin { @a[18446744073709551615] = 1; @a[-1] = 1; }",
        "t:1:9-33: ERROR: Argument mismatch for @a: trying to access with arguments: 'uint64' when map expects "
        "arguments: 'int64'\n"
        "begin { @a[18446744073709551615] = 1; @a[-1] = 1; }\n"
        "        ~~~~~~~~~~~~~~~~~~~~~~~~\n",
    ),
    (
        "literals adopt a sign",
        "begin { $a = 1; $a = nsecs; @b = 1; @b = nsecs; $c = 1; print($c == nsecs); }",
        "",
    ),
    # Comparisons (2.4).
    (
        "comparison of 64 bits of both signs",
        "begin { print(nsecs == -1); }",
        "t:1:15-20: WARNING: Expression of type: uint64 being cast to type: int64. This may cause unexpected "
        "results. Use an explicit cast to suppress this warning.\n"
        "begin { print(nsecs == -1); }\n"
        "              ~~~~~\n",
    ),
    (
        "comparison of 64 bits with a signed variable",
        "begin { $x = (int64)5; print($x < nsecs); }",
        "t:1:35-40: WARNING: Expression of type: uint64 being cast to type: int64. This may cause unexpected "
        "results. Use an explicit cast to suppress this warning.\n"
        "begin { $x = (int64)5; print($x < nsecs); }\n"
        "                                  ~~~~~\n",
    ),
    (
        "comparison of smaller ones",
        "begin { print(pid == -1); $x = (int8)5; print($x < pid); }",
        "",
    ),
    (
        "&& and || take any two conditions",
        "begin { $x = (int64)5; print($x && nsecs || (int8 *)5 && (int16 *)6); }",
        "",
    ),
    (
        "integer with a string",
        "begin { print(1 == comm); }",
        "t:1:15-24: ERROR: Type mismatch for '==': comparing int8 with string[16]\n"
        "begin { print(1 == comm); }\n"
        "              ~~~~~~~~~\n"
        "t:1:15-16: ERROR: left (int8)\n"
        "begin { print(1 == comm); }\n"
        "              ~\n"
        "t:1:20-24: ERROR: right (string[16])\n"
        "begin { print(1 == comm); }\n"
        "                   ~~~~\n",
    ),
    (
        "string with an integer",
        "begin { print(comm != pid); }",
        "t:1:15-26: ERROR: Type mismatch for '!=': comparing string[16] with uint32\n"
        "begin { print(comm != pid); }\n"
        "              ~~~~~~~~~~~\n"
        "t:1:15-19: ERROR: left (string[16])\n"
        "begin { print(comm != pid); }\n"
        "              ~~~~\n"
        "t:1:23-26: ERROR: right (uint32)\n"
        "begin { print(comm != pid); }\n"
        "                      ~~~\n",
    ),
    (
        "tuple with an integer",
        "begin { print((1, 2) == 1); }",
        "t:1:15-26: ERROR: Type mismatch for '==': comparing (int8,int8) with int8\n"
        "begin { print((1, 2) == 1); }\n"
        "              ~~~~~~~~~~~\n"
        "t:1:15-21: ERROR: left ((int8,int8))\n"
        "begin { print((1, 2) == 1); }\n"
        "              ~~~~~~\n"
        "t:1:25-26: ERROR: right (int8)\n"
        "begin { print((1, 2) == 1); }\n"
        "                        ~\n",
    ),
    (
        "pointer with a string",
        "begin { $p = (int8 *)1; print($p == comm); }",
        "t:1:31-41: ERROR: Type mismatch for '==': comparing int8 * with string[16]\n"
        "begin { $p = (int8 *)1; print($p == comm); }\n"
        "                              ~~~~~~~~~~\n"
        "t:1:31-33: ERROR: left (int8 *)\n"
        "begin { $p = (int8 *)1; print($p == comm); }\n"
        "                              ~~\n"
        "t:1:37-41: ERROR: right (string[16])\n"
        "begin { $p = (int8 *)1; print($p == comm); }\n"
        "                                    ~~~~\n",
    ),
    (
        "stack with another stack",
        "begin { print(kstack == ustack); }",
        "t:1:15-31: ERROR: Type mismatch for '==': comparing kstack_bpftrace_127 with ustack_bpftrace_127\n"
        "begin { print(kstack == ustack); }\n"
        "              ~~~~~~~~~~~~~~~~\n"
        "t:1:15-21: ERROR: left (kstack_bpftrace_127)\n"
        "begin { print(kstack == ustack); }\n"
        "              ~~~~~~\n"
        "t:1:25-31: ERROR: right (ustack_bpftrace_127)\n"
        "begin { print(kstack == ustack); }\n"
        "                        ~~~~~~\n",
    ),
    (
        "stack with a shorter stack",
        "begin { print(kstack == kstack(5)); }",
        "t:1:15-34: ERROR: Type mismatch for '==': comparing kstack_bpftrace_127 with kstack_bpftrace_5\n"
        "begin { print(kstack == kstack(5)); }\n"
        "              ~~~~~~~~~~~~~~~~~~~\n"
        "t:1:15-21: ERROR: left (kstack_bpftrace_127)\n"
        "begin { print(kstack == kstack(5)); }\n"
        "              ~~~~~~\n"
        "t:1:25-34: ERROR: right (kstack_bpftrace_5)\n"
        "begin { print(kstack == kstack(5)); }\n"
        "                        ~~~~~~~~~\n",
    ),
    (
        "order of stacks",
        "begin { print(kstack < kstack); }",
        "t:1:15-30: ERROR: The < operator can not be used on expressions of types kstack_bpftrace_127, "
        "kstack_bpftrace_127\n"
        "begin { print(kstack < kstack); }\n"
        "              ~~~~~~~~~~~~~~~\n",
    ),
    (
        "order of strings",
        'begin { print(comm < "a"); }',
        "t:1:15-25: ERROR: The < operator can not be used on expressions of types string[16], string[2]\n"
        'begin { print(comm < "a"); }\n'
        "              ~~~~~~~~~~\n",
    ),
    (
        "order of tuples",
        "begin { print((1, pid) >= (2, 3)); }",
        "t:1:15-33: ERROR: The >= operator can not be used on expressions of types (int8,uint32), (int8,int8)\n"
        "begin { print((1, pid) >= (2, 3)); }\n"
        "              ~~~~~~~~~~~~~~~~~~\n",
    ),
    (
        "tuples of different length",
        "begin { print((1, pid) == (2, 3, 4)); }",
        "t:1:15-36: ERROR: Type mismatch for '==': comparing (int8,uint32) with (int8,int8,int8)\n"
        "begin { print((1, pid) == (2, 3, 4)); }\n"
        "              ~~~~~~~~~~~~~~~~~~~~~\n"
        "t:1:15-23: ERROR: left ((int8,uint32))\n"
        "begin { print((1, pid) == (2, 3, 4)); }\n"
        "              ~~~~~~~~\n"
        "t:1:27-36: ERROR: right ((int8,int8,int8))\n"
        "begin { print((1, pid) == (2, 3, 4)); }\n"
        "                          ~~~~~~~~~\n",
    ),
    (
        "tuples of different kinds",
        'begin { print((1, pid) == (2, "a")); }',
        "t:1:15-35: ERROR: Type mismatch for '==': comparing (int8,uint32) with (int8,string[2])\n"
        'begin { print((1, pid) == (2, "a")); }\n'
        "              ~~~~~~~~~~~~~~~~~~~~\n"
        "t:1:15-23: ERROR: left ((int8,uint32))\n"
        'begin { print((1, pid) == (2, "a")); }\n'
        "              ~~~~~~~~\n"
        "t:1:27-35: ERROR: right ((int8,string[2]))\n"
        'begin { print((1, pid) == (2, "a")); }\n'
        "                          ~~~~~~~~\n",
    ),
    (
        "records of different names",
        "begin { $r = (a=1, b=pid); print($r == (a=1, c=2)); }",
        "t:1:34-50: ERROR: Type mismatch for '==': comparing record { .a = int8, .b = uint32 } with record { .a = "
        "int8, .c = int8 }\n"
        "begin { $r = (a=1, b=pid); print($r == (a=1, c=2)); }\n"
        "                                 ~~~~~~~~~~~~~~~~\n"
        "t:1:34-36: ERROR: left (record { .a = int8, .b = uint32 })\n"
        "begin { $r = (a=1, b=pid); print($r == (a=1, c=2)); }\n"
        "                                 ~~\n"
        "t:1:40-50: ERROR: right (record { .a = int8, .c = int8 })\n"
        "begin { $r = (a=1, b=pid); print($r == (a=1, c=2)); }\n"
        "                                       ~~~~~~~~~~\n",
    ),
    (
        "arrays of different length",
        "begin { $a = (int8[4])pid; $b = (int8[8])nsecs; print($a == $b); }",
        "t:1:55-63: ERROR: Only arrays of same size support comparison operators.\n"
        "begin { $a = (int8[4])pid; $b = (int8[8])nsecs; print($a == $b); }\n"
        "                                                      ~~~~~~~~\n",
    ),
    (
        "arrays of different elements",
        "begin { $a = (int8[4])pid; $b = (int16[4])nsecs; print($a == $b); }",
        "t:1:56-64: ERROR: Only arrays of same sized integer support comparison operators.\n"
        "begin { $a = (int8[4])pid; $b = (int16[4])nsecs; print($a == $b); }\n"
        "                                                       ~~~~~~~~\n",
    ),
    (
        "order of arrays",
        "begin { $a = (int8[4])pid; print($a < $a); }",
        "t:1:34-41: ERROR: The < operator cannot be used on arrays.\n"
        "begin { $a = (int8[4])pid; print($a < $a); }\n"
        "                                 ~~~~~~~\n",
    ),
    (
        "array with an integer",
        "begin { $a = (int8[4])pid; print($a == 1); }",
        "t:1:34-41: ERROR: Type mismatch for '==': comparing int8[4] with int8\n"
        "begin { $a = (int8[4])pid; print($a == 1); }\n"
        "                                 ~~~~~~~\n"
        "t:1:34-36: ERROR: left (int8[4])\n"
        "begin { $a = (int8[4])pid; print($a == 1); }\n"
        "                                 ~~\n"
        "t:1:40-41: ERROR: right (int8)\n"
        "begin { $a = (int8[4])pid; print($a == 1); }\n"
        "                                       ~\n",
    ),
    (
        "nothing with nothing",
        "begin { print(print(1) == print(2)); }",
        "t:1:15-35: ERROR: The == operator can not be used on expressions of types void, void\n"
        "begin { print(print(1) == print(2)); }\n"
        "              ~~~~~~~~~~~~~~~~~~~~\n",
    ),
    (
        "distinct pointers",
        "begin { $p = (int8 *)1; $q = (int16 *)2; print($p == $q); }",
        "t:1:48-56: WARNING: comparison of distinct pointer types: int8 *, int16 *\n"
        "begin { $p = (int8 *)1; $q = (int16 *)2; print($p == $q); }\n"
        "                                               ~~~~~~~~\n"
        "t:1:48-50: WARNING: left (int8 *)\n"
        "begin { $p = (int8 *)1; $q = (int16 *)2; print($p == $q); }\n"
        "                                               ~~\n"
        "t:1:54-56: WARNING: right (int16 *)\n"
        "begin { $p = (int8 *)1; $q = (int16 *)2; print($p == $q); }\n"
        "                                                     ~~\n",
    ),
    (
        "pointers to pointers",
        "begin { $p = (int8 **)1; $q = (int16 **)2; print($p < $q); }",
        "t:1:50-57: WARNING: comparison of distinct pointer types: int8 * *, int16 * *\n"
        "begin { $p = (int8 **)1; $q = (int16 **)2; print($p < $q); }\n"
        "                                                 ~~~~~~~\n"
        "t:1:50-52: WARNING: left (int8 * *)\n"
        "begin { $p = (int8 **)1; $q = (int16 **)2; print($p < $q); }\n"
        "                                                 ~~\n"
        "t:1:55-57: WARNING: right (int16 * *)\n"
        "begin { $p = (int8 **)1; $q = (int16 **)2; print($p < $q); }\n"
        "                                                      ~~\n",
    ),
    (
        "pointers and numbers",
        "begin { $p = (int8 *)1; print($p == 0); print($p > pid); print($p == true); }",
        "",
    ),
    # Operators (2.3).
    (
        "integer and string",
        "begin { print(pid + comm); }",
        "t:1:15-25: ERROR: The + operator can not be used on expressions of types uint32, string[16]\n"
        "begin { print(pid + comm); }\n"
        "              ~~~~~~~~~~\n",
    ),
    (
        "two strings",
        'begin { print(comm + "a"); }',
        "t:1:15-25: ERROR: The + operator can not be used on expressions of types string[16], string[2]\n"
        'begin { print(comm + "a"); }\n'
        "              ~~~~~~~~~~\n",
    ),
    (
        "string and integer",
        "begin { $x = comm; $x += 1; }",
        "t:1:20-27: ERROR: The + operator can not be used on expressions of types string[16], int8\n"
        "begin { $x = comm; $x += 1; }\n"
        "                   ~~~~~~~\n",
    ),
    (
        "tuple and integer",
        "begin { print((1, pid) - 1); }",
        "t:1:15-27: ERROR: The - operator can not be used on expressions of types (int8,uint32), int8\n"
        "begin { print((1, pid) - 1); }\n"
        "              ~~~~~~~~~~~~\n",
    ),
    (
        "stack and integer",
        "begin { print(kstack << 1); }",
        "t:1:15-26: ERROR: The << operator can not be used on expressions of types kstack_bpftrace_127, int8\n"
        "begin { print(kstack << 1); }\n"
        "              ~~~~~~~~~~~\n",
    ),
    (
        "string in a condition",
        "begin { print(pid && comm); }",
        "t:1:15-26: ERROR: The && operator can not be used on expressions of types uint32, string[16]\n"
        "begin { print(pid && comm); }\n"
        "              ~~~~~~~~~~~\n",
    ),
    (
        "tuple in a condition",
        "begin { print((1, 2) || pid); }",
        "t:1:15-28: ERROR: The || operator can not be used on expressions of types (int8,int8), uint32\n"
        "begin { print((1, 2) || pid); }\n"
        "              ~~~~~~~~~~~~~\n",
    ),
    (
        "minus a string",
        "begin { print(-comm); }",
        "t:1:15-20: ERROR: The - operator can not be used on expressions of type 'string[16]'\n"
        "begin { print(-comm); }\n"
        "              ~~~~~\n",
    ),
    (
        "minus a bool",
        "begin { print(-(pid == 1)); }",
        "t:1:15-26: ERROR: The - operator can not be used on expressions of type 'bool'\n"
        "begin { print(-(pid == 1)); }\n"
        "              ~~~~~~~~~~~\n",
    ),
    (
        "complement of a bool",
        "begin { print(~(pid == 1)); }",
        "t:1:15-26: ERROR: The ~ operator can not be used on expressions of type 'bool'\n"
        "begin { print(~(pid == 1)); }\n"
        "              ~~~~~~~~~~~\n",
    ),
    (
        "complement of a pointer",
        "begin { $p = (int8 *)1; print(~$p); }",
        "t:1:31-34: ERROR: The ~ operator can not be used on expressions of type 'int8 *'\n"
        "begin { $p = (int8 *)1; print(~$p); }\n"
        "                              ~~~\n",
    ),
    (
        "not a string",
        "begin { print(!comm); }",
        "t:1:15-20: ERROR: The ! operator can not be used on expressions of type 'string[16]'\n"
        "begin { print(!comm); }\n"
        "              ~~~~~\n",
    ),
    (
        "not a tuple",
        "begin { print(!(1, 2)); }",
        "t:1:15-22: ERROR: The ! operator can not be used on expressions of type '(int8,int8)'\n"
        "begin { print(!(1, 2)); }\n"
        "              ~~~~~~~\n",
    ),
    (
        "nothing in arithmetic",
        "begin { print(print(1) + 1); }",
        "t:1:15-27: ERROR: The + operator can not be used on expressions of types void, int8\n"
        "begin { print(print(1) + 1); }\n"
        "              ~~~~~~~~~~~~\n",
    ),
    (
        "increment of a string",
        "begin { $x = comm; $x++; }",
        "t:1:20-24: ERROR: The ++ operator can not be used on expressions of type 'string[16]'\n"
        "begin { $x = comm; $x++; }\n"
        "                   ~~~~\n",
    ),
    (
        "increment of a bool",
        "begin { $x = pid == 1; $x++; }",
        "t:1:24-28: ERROR: The ++ operator can not be used on expressions of type 'bool'\n"
        "begin { $x = pid == 1; $x++; }\n"
        "                       ~~~~\n",
    ),
    (
        "decrement of a map of strings",
        "begin { @x = comm; --@x; }",
        "t:1:20-24: ERROR: The -- operator can not be used on expressions of type 'string[16]'\n"
        "begin { @x = comm; --@x; }\n"
        "                   ~~~~\n",
    ),
    (
        "signed and unsigned division",
        "begin { $x = (int64)5; print($x / nsecs); }",
        "t:1:30-40: WARNING: signed operands for '/' can lead to undefined behavior (cast to unsigned to silence "
        "warning)\n"
        "begin { $x = (int64)5; print($x / nsecs); }\n"
        "                             ~~~~~~~~~~\n",
    ),
    (
        "signed and unsigned remainder",
        "begin { $x = (int64)5; print(nsecs % $x); }",
        "t:1:30-40: WARNING: signed operands for '%' can lead to undefined behavior (cast to unsigned to silence "
        "warning)\n"
        "begin { $x = (int64)5; print(nsecs % $x); }\n"
        "                             ~~~~~~~~~~\n",
    ),
    (
        "division of different sizes",
        "begin { $x = (int32)5; $y = (int64)5; print($x / $y); }",
        "t:1:45-52: WARNING: signed operands for '/' can lead to undefined behavior (cast to unsigned to silence "
        "warning)\n"
        "begin { $x = (int32)5; $y = (int64)5; print($x / $y); }\n"
        "                                            ~~~~~~~\n",
    ),
    (
        "division of the same type",
        "begin { $x = (int64)5; print($x / $x); print(pid / nsecs); }",
        "",
    ),
    (
        "division by a literal",
        "begin { $x = (int64)5; print($x / 2); print(nsecs / 2); print(7 / pid); }",
        "",
    ),
    (
        "compound division",
        "begin { $x = (int64)5; $x /= nsecs; }",
        "t:1:24-35: WARNING: signed operands for '/' can lead to undefined behavior (cast to unsigned to silence "
        "warning)\n"
        "begin { $x = (int64)5; $x /= nsecs; }\n"
        "                       ~~~~~~~~~~~\n",
    ),
    # Pointers (4).
    (
        "number minus pointer",
        "begin { $p = (int8 *)1; print(1 - $p); }",
        "t:1:31-37: ERROR: The - operator can not be used on expressions of types int8, int8 *\n"
        "begin { $p = (int8 *)1; print(1 - $p); }\n"
        "                              ~~~~~~\n",
    ),
    (
        "pointer minus pointer",
        "begin { $p = (int8 *)1; print($p - $p); }",
        "t:1:31-38: ERROR: The - operator can not be used on expressions of types int8 *, int8 *\n"
        "begin { $p = (int8 *)1; print($p - $p); }\n"
        "                              ~~~~~~~\n",
    ),
    (
        "pointer plus pointer",
        "begin { $p = (int8 *)1; print($p + $p); }",
        "t:1:31-38: ERROR: The + operator can not be used on expressions of types int8 *, int8 *\n"
        "begin { $p = (int8 *)1; print($p + $p); }\n"
        "                              ~~~~~~~\n",
    ),
    (
        "pointer times number",
        "begin { $p = (int8 *)1; print($p * 2); }",
        "t:1:31-37: ERROR: The * operator can not be used on expressions of types int8 *, int8\n"
        "begin { $p = (int8 *)1; print($p * 2); }\n"
        "                              ~~~~~~\n",
    ),
    (
        "pointer plus string",
        "begin { $p = (int8 *)1; print($p + comm); }",
        "t:1:31-40: ERROR: The + operator can not be used on expressions of types int8 *, string[16]\n"
        "begin { $p = (int8 *)1; print($p + comm); }\n"
        "                              ~~~~~~~~~\n",
    ),
    (
        "minus a pointer",
        "begin { $p = (int8 *)1; print(-$p); }",
        "t:1:31-34: ERROR: The - operator can not be used on expressions of type 'int8 *'\n"
        "begin { $p = (int8 *)1; print(-$p); }\n"
        "                              ~~~\n",
    ),
    # Printing and literals in calls.
    (
        "string that is too long",
        'config = { max_strlen = 8 } begin { $x = "12345678"; }',
        "t:1:42-52: ERROR: String is too long (over 8 bytes): 12345678\n"
        'config = { max_strlen = 8 } begin { $x = "12345678"; }\n'
        "                                         ~~~~~~~~~~\n",
    ),
    (
        "string that just fits",
        'config = { max_strlen = 8 } begin { $x = "1234567"; }',
        "",
    ),
    (
        "formats may be longer",
        'config = { max_strlen = 8 } begin { printf("123456789012"); }',
        "",
    ),
]


@pytest.mark.parametrize(("script", "printed"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_it_says(script: str, printed: str) -> None:
    assert Checked(script).printed == printed
