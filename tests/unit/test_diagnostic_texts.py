"""What the type checker says about variables, maps, statements and names, word for word."""

from __future__ import annotations

import pytest
from checking import Checked

#: What the case is about, the script, and all that is printed about it.
CASES: list[tuple[str, str, str]] = [
    # Variables.
    (
        "undefined variable",
        "begin { $x + 1; }",
        "t:1:9-11: ERROR: Undefined or undeclared variable: $x\n"
        "begin { $x + 1; }\n"
        "        ~~\n",
    ),
    (
        "undefined variable with a hint",
        "begin { $count = 1; print($cuont); }",
        "t:1:27-33: ERROR: Undefined or undeclared variable: $cuont\n"
        "begin { $count = 1; print($cuont); }\n"
        "                          ~~~~~~\n"
        "HINT: did you mean '$count'?\n",
    ),
    (
        "a variable is gone after its block",
        "begin { if (pid) { $x = 1; } print($x); }",
        "t:1:36-38: ERROR: Undefined or undeclared variable: $x\n"
        "begin { if (pid) { $x = 1; } print($x); }\n"
        "                                   ~~\n",
    ),
    (
        "sibling blocks have their own variables",
        'begin { if (pid) { $x = 1; print($x); } else { $x = "a"; print($x); } }',
        "",
    ),
    (
        "let after let",
        "begin { let $x = 1; let $x = 2; }",
        "t:1:21-27: ERROR: Variable $x was already declared. Variable shadowing is not allowed.\n"
        "begin { let $x = 1; let $x = 2; }\n"
        "                    ~~~~~~\n"
        "t:1:9-15: ERROR: This is the initial declaration.\n"
        "begin { let $x = 1; let $x = 2; }\n"
        "        ~~~~~~\n",
    ),
    (
        "let after an assignment",
        "begin { $x = 1; let $x; print($x); }",
        "t:1:17-23: ERROR: Variable $x was already declared. Variable shadowing is not allowed.\n"
        "begin { $x = 1; let $x; print($x); }\n"
        "                ~~~~~~\n"
        "t:1:9-11: ERROR: This is the initial assignment.\n"
        "begin { $x = 1; let $x; print($x); }\n"
        "        ~~\n",
    ),
    (
        "let in an inner block",
        "begin { let $x : int8 = 1; if ($x) { let $x = 2; } }",
        "t:1:38-44: ERROR: Variable $x was already declared. Variable shadowing is not allowed.\n"
        "begin { let $x : int8 = 1; if ($x) { let $x = 2; } }\n"
        "                                     ~~~~~~\n"
        "t:1:9-22: ERROR: This is the initial declaration.\n"
        "begin { let $x : int8 = 1; if ($x) { let $x = 2; } }\n"
        "        ~~~~~~~~~~~~~\n",
    ),
    (
        "let of a loop's variable",
        "begin { for ($i : 0..5) { let $i = 1; } }",
        "t:1:27-33: ERROR: Variable $i was already declared. Variable shadowing is not allowed.\n"
        "begin { for ($i : 0..5) { let $i = 1; } }\n"
        "                          ~~~~~~\n"
        "t:1:14-16: ERROR: This is the loop variable.\n"
        "begin { for ($i : 0..5) { let $i = 1; } }\n"
        "             ~~\n",
    ),
    (
        "loop over an existing variable",
        "begin { $x = 1; for ($x : 0..5) { } }",
        "t:1:22-24: ERROR: Loop declaration shadows existing variable: $x\n"
        "begin { $x = 1; for ($x : 0..5) { } }\n"
        "                     ~~\n"
        "t:1:9-11: ERROR: This is the initial assignment.\n"
        "begin { $x = 1; for ($x : 0..5) { } }\n"
        "        ~~\n",
    ),
    (
        "loop in a loop with the same variable",
        "begin { for ($i : 0..5) { for ($i : 0..5) { } } }",
        "t:1:32-34: ERROR: Loop declaration shadows existing variable: $i\n"
        "begin { for ($i : 0..5) { for ($i : 0..5) { } } }\n"
        "                               ~~\n"
        "t:1:14-16: ERROR: This is the loop variable.\n"
        "begin { for ($i : 0..5) { for ($i : 0..5) { } } }\n"
        "             ~~\n",
    ),
    (
        "let of a parameter",
        "fn f($a : int64) : int64 { let $a = 1; return $a; } begin { }",
        "t:1:28-34: ERROR: Variable $a was already declared. Variable shadowing is not allowed.\n"
        "fn f($a : int64) : int64 { let $a = 1; return $a; } begin { }\n"
        "                           ~~~~~~\n"
        "t:1:6-16: ERROR: This is the function parameter.\n"
        "fn f($a : int64) : int64 { let $a = 1; return $a; } begin { }\n"
        "     ~~~~~~~~~~\n",
    ),
    (
        "never assigned",
        "begin { let $x; }",
        "t:1:9-15: WARNING: Variable $x was never assigned to.\n"
        "begin { let $x; }\n"
        "        ~~~~~~\n",
    ),
    (
        "never assigned with a type",
        "begin { let $x : int8; }",
        "t:1:9-22: WARNING: Variable $x was never assigned to.\n"
        "begin { let $x : int8; }\n"
        "        ~~~~~~~~~~~~~\n",
    ),
    (
        "read before it is assigned",
        "begin { let $x; print($x); $x = 1; }",
        "t:1:23-25: WARNING: Variable used before it was assigned: $x\n"
        "begin { let $x; print($x); $x = 1; }\n"
        "                      ~~\n",
    ),
    (
        "read and never assigned",
        "begin { let $x : int8; print($x); }",
        "t:1:30-32: WARNING: Variable used before it was assigned: $x\n"
        "begin { let $x : int8; print($x); }\n"
        "                             ~~\n"
        "t:1:9-22: WARNING: Variable $x was never assigned to.\n"
        "begin { let $x : int8; print($x); }\n"
        "        ~~~~~~~~~~~~~\n",
    ),
    (
        "taking the address counts as assignment",
        "begin { let $x : int8; $p = &$x; print($p); }",
        "",
    ),
    (
        "changing the value counts as assignment",
        "begin { let $x : int8; $x++; }",
        "t:1:24-26: WARNING: Variable used before it was assigned: $x\n"
        "begin { let $x : int8; $x++; }\n"
        "                       ~~\n",
    ),
    (
        "a type that nobody gives",
        "begin { let $x; $y = $x; }",
        "t:1:22-24: ERROR: Could not resolve the type of this variable\n"
        "begin { let $x; $y = $x; }\n"
        "                     ~~\n"
        "t:1:22-24: WARNING: Variable used before it was assigned: $x\n"
        "begin { let $x; $y = $x; }\n"
        "                     ~~\n"
        "t:1:9-15: WARNING: Variable $x was never assigned to.\n"
        "begin { let $x; $y = $x; }\n"
        "        ~~~~~~\n",
    ),
    (
        "its own value as its only value",
        "begin { let $x; $x = $x; }",
        "t:1:22-24: ERROR: Could not resolve the type of this variable\n"
        "begin { let $x; $x = $x; }\n"
        "                     ~~\n"
        "t:1:22-24: WARNING: Variable used before it was assigned: $x\n"
        "begin { let $x; $x = $x; }\n"
        "                     ~~\n",
    ),
    (
        "variable of two kinds",
        'begin { $x = 1; $x = "a"; }',
        "t:1:17-25: ERROR: Type mismatch for $x: trying to assign value of type 'string[2]' when variable already "
        "has a type 'int8'\n"
        'begin { $x = 1; $x = "a"; }\n'
        "                ~~~~~~~~\n",
    ),
    (
        "variable of two kinds the other way round",
        'begin { $x = "a"; $x = 1; }',
        "t:1:19-25: ERROR: Type mismatch for $x: trying to assign value of type 'int8' when variable already has a "
        "type 'string[2]'\n"
        'begin { $x = "a"; $x = 1; }\n'
        "                  ~~~~~~\n",
    ),
    (
        "bool is no integer",
        "begin { $x = true; $x = 1; }",
        "t:1:20-26: ERROR: Type mismatch for $x: trying to assign value of type 'int8' when variable already has a "
        "type 'bool'\n"
        "begin { $x = true; $x = 1; }\n"
        "                   ~~~~~~\n",
    ),
    (
        "declared type and another value",
        "begin { let $x : string; $x = 5; }",
        "t:1:26-32: ERROR: Type mismatch for $x: trying to assign value of type 'int8' when variable already has a "
        "type 'string'\n"
        "begin { let $x : string; $x = 5; }\n"
        "                         ~~~~~~\n",
    ),
    (
        "declared as a number",
        "begin { let $x : bool = 1; }",
        "t:1:9-22: ERROR: Type mismatch for $x: trying to assign value of type 'int8' when variable already has a "
        "type 'bool'\n"
        "begin { let $x : bool = 1; }\n"
        "        ~~~~~~~~~~~~~\n",
    ),
    (
        "declared string that is too short",
        'begin { let $x : string[4] = "abcdef"; }',
        "t:1:9-27: ERROR: Type mismatch for $x: trying to assign value of type 'string[7]' when variable already "
        "has a type 'string[4]'\n"
        'begin { let $x : string[4] = "abcdef"; }\n'
        "        ~~~~~~~~~~~~~~~~~~\n",
    ),
    (
        "declared as an aggregation",
        "begin { let $x : count_t; }",
        "t:1:18-25: ERROR: Invalid variable declaration type: count_t\n"
        "begin { let $x : count_t; }\n"
        "                 ~~~~~~~\n"
        "t:1:9-25: WARNING: Variable $x was never assigned to.\n"
        "begin { let $x : count_t; }\n"
        "        ~~~~~~~~~~~~~~~~\n",
    ),
    (
        "declared as an unsigned aggregation",
        "begin { let $x : usum_t; }",
        "t:1:18-24: ERROR: Invalid variable declaration type: usum_t\n"
        "begin { let $x : usum_t; }\n"
        "                 ~~~~~~\n"
        "t:1:9-24: WARNING: Variable $x was never assigned to.\n"
        "begin { let $x : usum_t; }\n"
        "        ~~~~~~~~~~~~~~~\n",
    ),
    (
        "declared as a histogram",
        "begin { let $x : lhist_t; }",
        "t:1:18-25: ERROR: Invalid variable declaration type: lhist_t\n"
        "begin { let $x : lhist_t; }\n"
        "                 ~~~~~~~\n"
        "t:1:9-25: WARNING: Variable $x was never assigned to.\n"
        "begin { let $x : lhist_t; }\n"
        "        ~~~~~~~~~~~~~~~~\n",
    ),
    (
        "declared as void",
        "begin { let $x : void; }",
        "t:1:18-22: ERROR: Invalid variable declaration type: void\n"
        "begin { let $x : void; }\n"
        "                 ~~~~\n"
        "t:1:9-22: WARNING: Variable $x was never assigned to.\n"
        "begin { let $x : void; }\n"
        "        ~~~~~~~~~~~~~\n",
    ),
    (
        "declared as something unknown",
        "begin { let $x : uint46 = 1; }",
        't:1:18-24: ERROR: Cannot resolve unknown type "uint46"\n'
        "begin { let $x : uint46 = 1; }\n"
        "                 ~~~~~~\n"
        "HINT: did you mean 'uint64'?\n",
    ),
    (
        "declared as an unknown struct",
        "begin { let $x : struct nosuch *; }",
        't:1:18-31: ERROR: Cannot resolve unknown type "struct nosuch"\n'
        "begin { let $x : struct nosuch *; }\n"
        "                 ~~~~~~~~~~~~~\n"
        "t:1:9-33: WARNING: Variable $x was never assigned to.\n"
        "begin { let $x : struct nosuch *; }\n"
        "        ~~~~~~~~~~~~~~~~~~~~~~~~\n",
    ),
    (
        "no value for a variable",
        "begin { $x = print(1); }",
        "t:1:14-22: ERROR: Value 'void' cannot be assigned to a scratch variable.\n"
        "begin { $x = print(1); }\n"
        "             ~~~~~~~~\n",
    ),
    (
        "no value from a block",
        "begin { $x = { $y = 1; }; }",
        "t:1:14-25: ERROR: Value 'none' cannot be assigned to a scratch variable.\n"
        "begin { $x = { $y = 1; }; }\n"
        "             ~~~~~~~~~~~\n",
    ),
    (
        "no value without an else",
        "begin { $x = if (pid) { 1 }; }",
        "t:1:14-28: ERROR: Value 'none' cannot be assigned to a scratch variable.\n"
        "begin { $x = if (pid) { 1 }; }\n"
        "             ~~~~~~~~~~~~~~\n",
    ),
    # Maps.
    (
        "map of two kinds",
        'begin { @x = 1; @x = "a"; }',
        "t:1:17-19: ERROR: Type mismatch for @x: trying to assign value of type 'string[2]' when map already has a "
        "type 'int8'\n"
        'begin { @x = 1; @x = "a"; }\n'
        "                ~~\n",
    ),
    (
        "map of two kinds in two probes",
        "begin { @x = 1; }\n"
        'end { @x = "a"; }',
        "t:2:7-9: ERROR: Type mismatch for @x: trying to assign value of type 'string[2]' when map already has a "
        "type 'int8'\n"
        'end { @x = "a"; }\n'
        "      ~~\n",
    ),
    (
        "keys of two kinds",
        'begin { @x[1] = 1; @x["a"] = 1; }',
        "t:1:20-27: ERROR: Argument mismatch for @x: trying to access with arguments: 'string[2]' when map expects "
        "arguments: 'int8'\n"
        'begin { @x[1] = 1; @x["a"] = 1; }\n'
        "                   ~~~~~~~\n",
    ),
    (
        "keys of two lengths",
        "begin { @x[1, 2] = 1; @x[1] = 1; }",
        "t:1:23-28: ERROR: Argument mismatch for @x: trying to access with arguments: 'int8' when map expects "
        "arguments: '(int8,int8)'\n"
        "begin { @x[1, 2] = 1; @x[1] = 1; }\n"
        "                      ~~~~~\n",
    ),
    (
        "key after no key",
        "begin { @x = 1; @x[1] = 1; }",
        "t:1:17-22: ERROR: @x used as a map with an explicit key (non-scalar map), previously used without an "
        "explicit key (scalar map)\n"
        "begin { @x = 1; @x[1] = 1; }\n"
        "                ~~~~~\n",
    ),
    (
        "no key after a key",
        "begin { @x[1] = 1; @x = 1; }",
        "t:1:20-22: ERROR: @x used as a map without an explicit key (scalar map), previously used with an explicit "
        "key (non-scalar map)\n"
        "begin { @x[1] = 1; @x = 1; }\n"
        "                   ~~\n",
    ),
    (
        "no key after a key in two probes",
        "begin { @x[1] = 1; }\n"
        "end { print(@x[2]); $y = @x; }",
        "t:2:26-28: ERROR: @x used as a map without an explicit key (scalar map), previously used with an explicit "
        "key (non-scalar map)\n"
        "end { print(@x[2]); $y = @x; }\n"
        "                         ~~\n",
    ),
    (
        "map that has no value",
        "begin { print(@x[1]); }",
        "t:1:15-20: ERROR: Undefined map: @x\n"
        "begin { print(@x[1]); }\n"
        "              ~~~~~\n",
    ),
    (
        "map that is only printed",
        "begin { print(@count); }",
        "t:1:15-21: ERROR: Undefined map: @count\n"
        "begin { print(@count); }\n"
        "              ~~~~~~\n",
    ),
    (
        "map that has no value with a hint",
        "begin { @count[1] = 1; print(@cuont); }",
        "t:1:30-36: ERROR: Undefined map: @cuont\n"
        "begin { @count[1] = 1; print(@cuont); }\n"
        "                             ~~~~~~\n"
        "HINT: did you mean '@count'?\n",
    ),
    (
        "map made of itself",
        "begin { @x[1] = @x[1]; }",
        "t:1:17-22: ERROR: Undefined map: @x\n"
        "begin { @x[1] = @x[1]; }\n"
        "                ~~~~~\n",
    ),
    (
        "maps made of each other",
        "begin { @a[1] = @b[1]; @b[1] = @a[1]; }",
        "t:1:17-22: ERROR: Undefined map: @b\n"
        "begin { @a[1] = @b[1]; @b[1] = @a[1]; }\n"
        "                ~~~~~\n"
        "t:1:32-37: ERROR: Undefined map: @a\n"
        "begin { @a[1] = @b[1]; @b[1] = @a[1]; }\n"
        "                               ~~~~~\n",
    ),
    (
        "no value for a map",
        "begin { @x = print(1); }",
        "t:1:14-22: ERROR: Value 'void' cannot be assigned to a map.\n"
        "begin { @x = print(1); }\n"
        "             ~~~~~~~~\n",
    ),
    (
        "the context for a map",
        "tracepoint:syscalls:sys_enter_openat { @x = args; }",
        "t:1:45-49: ERROR: Value 'sys_enter_openat *' cannot be assigned to a map.\n"
        "tracepoint:syscalls:sys_enter_openat { @x = args; }\n"
        "                                            ~~~~\n",
    ),
    (
        "no value as a key",
        "begin { @x[print(1)] = 1; }",
        "t:1:12-20: ERROR: Invalid map key type: void\n"
        "begin { @x[print(1)] = 1; }\n"
        "           ~~~~~~~~\n",
    ),
    (
        "no value in a key",
        "begin { @x[1, { $y = 2; }] = 1; }",
        "t:1:15-26: ERROR: Invalid map key type: none\n"
        "begin { @x[1, { $y = 2; }] = 1; }\n"
        "              ~~~~~~~~~~~\n",
    ),
    (
        "the context as a key",
        "tracepoint:syscalls:sys_enter_openat { @x[args] = 1; }",
        "t:1:43-47: ERROR: context cannot be part of a map key\n"
        "tracepoint:syscalls:sys_enter_openat { @x[args] = 1; }\n"
        "                                          ~~~~\n",
    ),
    (
        "the context in a key",
        "tracepoint:syscalls:sys_enter_openat { @x[1, args] = 1; }",
        "t:1:46-50: ERROR: context cannot be part of a map key\n"
        "tracepoint:syscalls:sys_enter_openat { @x[1, args] = 1; }\n"
        "                                             ~~~~\n",
    ),
    (
        "loop over a scalar map",
        "begin { @x = 1; for ($kv : @x) { } }",
        "t:1:28-30: ERROR: @x has no explicit keys (scalar map), and cannot be used for iteration\n"
        "begin { @x = 1; for ($kv : @x) { } }\n"
        "                           ~~\n",
    ),
    (
        "loop over a map that has no value",
        "begin { for ($kv : @x) { print($kv.0); } }",
        "t:1:20-22: ERROR: Undefined map: @x\n"
        "begin { for ($kv : @x) { print($kv.0); } }\n"
        "                   ~~\n",
    ),
    (
        "declared and unused",
        "let @x = hash(5); begin { }",
        "t:1:1-18: WARNING: Unused map: @x\n"
        "let @x = hash(5); begin { }\n"
        "~~~~~~~~~~~~~~~~~\n",
    ),
    (
        "unknown kind of map",
        "let @x = array(5); begin { @x[1] = 1; }",
        "t:1:1-19: ERROR: Invalid bpf map type: array\n"
        "let @x = array(5); begin { @x[1] = 1; }\n"
        "~~~~~~~~~~~~~~~~~~\n"
        "HINT: valid map types: hash, lruhash, percpuhash, percpulruhash\n",
    ),
    (
        "declared for numbers and used for counts",
        "let @x = hash(5); begin { @x[1] = count(); }",
        "t:1:1-18: ERROR: Incompatible map types. Type from declaration: hash. Type from value/key type: percpuhash\n"
        "let @x = hash(5); begin { @x[1] = count(); }\n"
        "~~~~~~~~~~~~~~~~~\n",
    ),
    (
        "declared for counts and used for numbers",
        "let @x = percpulruhash(5); begin { @x[1] = 1; }",
        "t:1:1-27: ERROR: Incompatible map types. Type from declaration: percpulruhash. Type from value/key type: "
        "hash\n"
        "let @x = percpulruhash(5); begin { @x[1] = 1; }\n"
        "~~~~~~~~~~~~~~~~~~~~~~~~~~\n",
    ),
    # Names.
    (
        "unknown identifier",
        "begin { nosuch; }",
        "t:1:9-15: ERROR: Unknown identifier: 'nosuch'\n"
        "begin { nosuch; }\n"
        "        ~~~~~~\n",
    ),
    (
        "unknown identifier with a hint",
        "begin { print(nsec); }",
        "t:1:15-19: ERROR: Unknown identifier: 'nsec'\n"
        "begin { print(nsec); }\n"
        "              ~~~~\n"
        "HINT: did you mean 'nsecs'?\n",
    ),
    (
        "unknown function",
        "begin { nosuch(1); }",
        "t:1:9-18: ERROR: Unknown function: 'nosuch'\n"
        "begin { nosuch(1); }\n"
        "        ~~~~~~~~~\n",
    ),
    (
        "unknown function with a hint",
        'begin { prinf("a"); }',
        "t:1:9-19: ERROR: Unknown function: 'prinf'\n"
        'begin { prinf("a"); }\n'
        "        ~~~~~~~~~~\n"
        "HINT: did you mean 'printf'?\n",
    ),
    (
        "unknown arguments of an unknown function are no news",
        "begin { nosuch(nosuch2, nosuch3); }",
        "t:1:9-33: ERROR: Unknown function: 'nosuch'\n"
        "begin { nosuch(nosuch2, nosuch3); }\n"
        "        ~~~~~~~~~~~~~~~~~~~~~~~~\n",
    ),
    (
        "a builtin that is no function",
        "tracepoint:syscalls:sys_enter_openat { print(args()); }",
        "t:1:46-52: ERROR: Unknown function: 'args'\n"
        "tracepoint:syscalls:sys_enter_openat { print(args()); }\n"
        "                                             ~~~~~~\n",
    ),
    (
        "arguments have no leading zeros",
        "begin { print(arg01); }",
        "t:1:15-20: ERROR: Unknown identifier: 'arg01'\n"
        "begin { print(arg01); }\n"
        "              ~~~~~\n"
        "HINT: did you mean 'args'?\n",
    ),
    (
        "removed builtin",
        "begin { print(stack); }",
        "t:1:15-20: ERROR: Unknown identifier: 'stack'\n"
        "begin { print(stack); }\n"
        "              ~~~~~\n"
        "HINT: did you mean 'ustack'?\n",
    ),
    (
        "removed function",
        "begin { print(sym(1)); }",
        "t:1:15-21: ERROR: Unknown function: 'sym'\n"
        "begin { print(sym(1)); }\n"
        "              ~~~~~~\n"
        "HINT: did you mean 'usym'?\n",
    ),
    (
        "unknown type in sizeof",
        "begin { print(sizeof(struct nosuch)); }",
        't:1:22-35: ERROR: Cannot resolve unknown type "struct nosuch"\n'
        "begin { print(sizeof(struct nosuch)); }\n"
        "                     ~~~~~~~~~~~~~\n",
    ),
    (
        "unknown name in sizeof",
        "begin { print(sizeof(nosuch)); }",
        "t:1:22-28: ERROR: Unknown identifier: 'nosuch'\n"
        "begin { print(sizeof(nosuch)); }\n"
        "                     ~~~~~~\n",
    ),
    (
        "unknown type in a cast",
        "begin { print((nosuch *)1); }",
        't:1:16-22: ERROR: Cannot resolve unknown type "nosuch"\n'
        "begin { print((nosuch *)1); }\n"
        "               ~~~~~~\n",
    ),
    # Statements.
    (
        "value thrown away",
        "begin { pid; }",
        "t:1:9-12: WARNING: Return value discarded.\n"
        "begin { pid; }\n"
        "        ~~~\n",
    ),
    (
        "value thrown away at the end of a block",
        "begin { if (pid) { 1 } }",
        "t:1:20-21: WARNING: Return value discarded.\n"
        "begin { if (pid) { 1 } }\n"
        "                   ~\n",
    ),
    (
        "value thrown away on purpose",
        "begin { _ = pid; }",
        "",
    ),
    (
        "condition is a string",
        "begin { if (comm) { } }",
        "t:1:13-17: ERROR: Invalid condition: string\n"
        "begin { if (comm) { } }\n"
        "            ~~~~\n",
    ),
    (
        "condition is a tuple",
        "begin { $t = (1, 2); if ($t) { } }",
        "t:1:26-28: ERROR: Invalid condition: tuple\n"
        "begin { $t = (1, 2); if ($t) { } }\n"
        "                         ~~\n",
    ),
    (
        "condition is a stack",
        "begin { if (kstack) { } }",
        "t:1:13-19: ERROR: Invalid condition: kstack\n"
        "begin { if (kstack) { } }\n"
        "            ~~~~~~\n",
    ),
    (
        "condition is nothing",
        "begin { if (print(1)) { } }",
        "t:1:13-21: ERROR: Invalid condition: void\n"
        "begin { if (print(1)) { } }\n"
        "            ~~~~~~~~\n",
    ),
    (
        "condition of while is a string",
        "begin { while (comm) { } }",
        "t:1:16-20: ERROR: Invalid condition: string\n"
        "begin { while (comm) { } }\n"
        "               ~~~~\n"
        "t:1:9-25: WARNING: While loops are deprecated and may be removed in the future.\n"
        "begin { while (comm) { } }\n"
        "        ~~~~~~~~~~~~~~~~\n"
        "HINT: Use a for loop over a range instead, for example: for ($i : 0..10) { print($i); }\n",
    ),
    (
        "predicate is a string",
        "begin / comm / { }",
        "t:1:9-13: ERROR: Invalid condition: string\n"
        "begin / comm / { }\n"
        "        ~~~~\n",
    ),
    (
        "condition of ?: is a string",
        "begin { print(comm ? 1 : 2); }",
        "t:1:15-19: ERROR: Invalid condition: string\n"
        "begin { print(comm ? 1 : 2); }\n"
        "              ~~~~\n",
    ),
    (
        "branches of ?:",
        'begin { print(pid ? 1 : "a"); }',
        "t:1:15-28: ERROR: Branches must return the same type or compatible types: have 'int8' and 'string[2]'\n"
        'begin { print(pid ? 1 : "a"); }\n'
        "              ~~~~~~~~~~~~~\n",
    ),
    (
        "branches of if",
        'begin { $x = if (pid) { 1 } else { "a" }; }',
        "t:1:14-41: ERROR: Branches must return the same type or compatible types: have 'int8' and 'string[2]'\n"
        'begin { $x = if (pid) { 1 } else { "a" }; }\n'
        "             ~~~~~~~~~~~~~~~~~~~~~~~~~~~\n",
    ),
    (
        "range starts with a string",
        "begin { for ($i : comm..5) { } }",
        "t:1:19-23: ERROR: Loop range requires an integer for the start value\n"
        "begin { for ($i : comm..5) { } }\n"
        "                  ~~~~\n",
    ),
    (
        "range ends with a string",
        "begin { for ($i : 0..comm) { } }",
        "t:1:22-26: ERROR: Loop range requires an integer for the end value\n"
        "begin { for ($i : 0..comm) { } }\n"
        "                     ~~~~\n",
    ),
    (
        "range of strings",
        "begin { for ($i : comm..comm) { } }",
        "t:1:19-23: ERROR: Loop range requires an integer for the start value\n"
        "begin { for ($i : comm..comm) { } }\n"
        "                  ~~~~\n"
        "t:1:25-29: ERROR: Loop range requires an integer for the end value\n"
        "begin { for ($i : comm..comm) { } }\n"
        "                        ~~~~\n",
    ),
    (
        "return of a string",
        "begin { return comm; }",
        "t:1:16-20: ERROR: Probe return values can only be integers. Found string\n"
        "begin { return comm; }\n"
        "               ~~~~\n",
    ),
    (
        "return of nothing",
        "begin { return print(1); }",
        "t:1:16-24: ERROR: Probe return values can only be integers. Found void\n"
        "begin { return print(1); }\n"
        "               ~~~~~~~~\n",
    ),
    (
        "return of a tuple",
        "begin { return (1, 2); }",
        "t:1:16-22: ERROR: Probe return values can only be integers. Found tuple\n"
        "begin { return (1, 2); }\n"
        "               ~~~~~~\n",
    ),
    (
        "function returns another type",
        'fn f() : int64 { return "a"; } begin { }',
        "t:1:25-28: ERROR: Function f is of type int64, cannot return string[2]\n"
        'fn f() : int64 { return "a"; } begin { }\n'
        "                        ~~~\n",
    ),
    (
        "function returns an integer that is too large",
        "fn f() : int8 { return 300; } begin { }",
        "t:1:24-27: ERROR: Function f is of type int8, cannot return int16\n"
        "fn f() : int8 { return 300; } begin { }\n"
        "                       ~~~\n",
    ),
    (
        "function may lose what it returns",
        "fn f() : int8 { return pid; } begin { }",
        "t:1:24-27: WARNING: Expression of type: uint32 being cast to type: int8. This may cause unexpected "
        "results. Use an explicit cast to suppress this warning.\n"
        "fn f() : int8 { return pid; } begin { }\n"
        "                       ~~~\n",
    ),
    (
        "function returns nothing",
        "fn f() : int64 { } begin { }",
        "t:1:1-19: ERROR: Function f is of type int64, cannot return none\n"
        "fn f() : int64 { } begin { }\n"
        "~~~~~~~~~~~~~~~~~~\n",
    ),
    (
        "printing a map in a loop",
        "begin { @x[1] = 1; for ($kv : @x) { print(@x); } }",
        "t:1:37-46: WARNING: Due to it's asynchronous nature using 'print()' in a loop can lead to unexpected "
        "behavior. The map will likely be updated before the runtime can 'print' it.\n"
        "begin { @x[1] = 1; for ($kv : @x) { print(@x); } }\n"
        "                                    ~~~~~~~~~\n",
    ),
    (
        "printing a value in a loop",
        "begin { for ($i : 0..3) { print($i); } }",
        "",
    ),
    (
        "context in a loop",
        "tracepoint:syscalls:sys_enter_openat { for ($i : 0..3) { print(args.dfd); } }",
        "t:1:64-68: ERROR: 'args' builtin is not allowed in a for-loop\n"
        "tracepoint:syscalls:sys_enter_openat { for ($i : 0..3) { print(args.dfd); } }\n"
        "                                                               ~~~~\n",
    ),
    # Several at once.
    (
        "errors come before warnings",
        "begin { pid; $x = nosuch; tid; $y = 1 + comm; }",
        "t:1:19-25: ERROR: Unknown identifier: 'nosuch'\n"
        "begin { pid; $x = nosuch; tid; $y = 1 + comm; }\n"
        "                  ~~~~~~\n"
        "t:1:37-45: ERROR: The + operator can not be used on expressions of types int8, string[16]\n"
        "begin { pid; $x = nosuch; tid; $y = 1 + comm; }\n"
        "                                    ~~~~~~~~\n"
        "t:1:9-12: WARNING: Return value discarded.\n"
        "begin { pid; $x = nosuch; tid; $y = 1 + comm; }\n"
        "        ~~~\n"
        "t:1:27-30: WARNING: Return value discarded.\n"
        "begin { pid; $x = nosuch; tid; $y = 1 + comm; }\n"
        "                          ~~~\n",
    ),
    (
        "an error is said once",
        "begin { $x = nosuch; $y = $x + 1; print($y); @z = $y; }",
        "t:1:14-20: ERROR: Unknown identifier: 'nosuch'\n"
        "begin { $x = nosuch; $y = $x + 1; print($y); @z = $y; }\n"
        "             ~~~~~~\n",
    ),
    (
        "each place is told",
        'begin { @a = 1; @a = "x"; @b = "x"; @b = 1; }',
        "t:1:17-19: ERROR: Type mismatch for @a: trying to assign value of type 'string[2]' when map already has a "
        "type 'int8'\n"
        'begin { @a = 1; @a = "x"; @b = "x"; @b = 1; }\n'
        "                ~~\n"
        "t:1:37-39: ERROR: Type mismatch for @b: trying to assign value of type 'int8' when map already has a type "
        "'string[2]'\n"
        'begin { @a = 1; @a = "x"; @b = "x"; @b = 1; }\n'
        "                                    ~~\n",
    ),
    (
        "one of several layouts is at fault",
        "tracepoint:syscalls:sys_enter_openat* { print(args.how); }",
        "t:1:47-55: ERROR: Struct/union of type 'sys_enter_openat' does not contain a field named 'how'\n"
        "tracepoint:syscalls:sys_enter_openat* { print(args.how); }\n"
        "                                              ~~~~~~~~\n",
    ),
]


@pytest.mark.parametrize(("script", "printed"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_it_says(script: str, printed: str) -> None:
    assert Checked(script).printed == printed
