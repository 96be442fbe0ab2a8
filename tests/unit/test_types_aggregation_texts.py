"""What is said about aggregations, word for word."""

from __future__ import annotations

import pytest
from checking import Checked

#: What the case is about, the script, and all that is printed about it.
CASES: list[tuple[str, str, str]] = [
    # Where they may stand.
    (
        "count in a variable",
        "begin { $x = count(); }",
        "t:1:14-21: ERROR: count() must be assigned directly to a map\n"
        "begin { $x = count(); }\n"
        "             ~~~~~~~\n",
    ),
    (
        "count alone",
        "begin { count(); }",
        "t:1:9-16: ERROR: count() must be assigned directly to a map\n"
        "begin { count(); }\n"
        "        ~~~~~~~\n",
    ),
    (
        "count as an argument",
        "begin { print(count()); }",
        "t:1:15-22: ERROR: count() must be assigned directly to a map\n"
        "begin { print(count()); }\n"
        "              ~~~~~~~\n",
    ),
    (
        "sum in arithmetic",
        "begin { @x = sum(1) + 1; }",
        "t:1:14-20: ERROR: sum() must be assigned directly to a map\n"
        "begin { @x = sum(1) + 1; }\n"
        "             ~~~~~~\n",
    ),
    (
        "histogram as a key",
        "begin { @x[hist(1)] = 1; }",
        "t:1:12-19: ERROR: hist() must be assigned directly to a map\n"
        "begin { @x[hist(1)] = 1; }\n"
        "           ~~~~~~~\n",
    ),
    (
        "count in a branch",
        "begin { @x = pid ? count() : count(); }",
        "t:1:20-27: ERROR: count() must be assigned directly to a map\n"
        "begin { @x = pid ? count() : count(); }\n"
        "                   ~~~~~~~\n"
        "t:1:30-37: ERROR: count() must be assigned directly to a map\n"
        "begin { @x = pid ? count() : count(); }\n"
        "                             ~~~~~~~\n",
    ),
    (
        "count added",
        "begin { @x += count(); }",
        "t:1:15-22: ERROR: count() must be assigned directly to a map\n"
        "begin { @x += count(); }\n"
        "              ~~~~~~~\n",
    ),
    (
        "count as the value of a block",
        "begin { @x = { $y = 1; count() }; @z = { { sum(2) } }; }",
        "",
    ),
    # What one map holds.
    (
        "count after an integer",
        "begin { @x = 1; @x = count(); }",
        "t:1:17-19: ERROR: Type mismatch for @x: trying to assign value of type 'count_t' when map already has a "
        "type 'int8'\n"
        "begin { @x = 1; @x = count(); }\n"
        "                ~~\n",
    ),
    (
        "integer after a count",
        "begin { @x = count(); @x = 1; }",
        "t:1:23-25: ERROR: Type mismatch for @x: trying to assign value of type 'int8' when map already has a type "
        "'count_t'\n"
        "begin { @x = count(); @x = 1; }\n"
        "                      ~~\n",
    ),
    (
        "count after a sum",
        "begin { @x = sum(1); @x = count(); }",
        "t:1:22-24: ERROR: Type mismatch for @x: trying to assign value of type 'count_t' when map already has a "
        "type 'sum_t'\n"
        "begin { @x = sum(1); @x = count(); }\n"
        "                     ~~\n",
    ),
    (
        "sum after a histogram",
        "begin { @x = hist(1); @x = sum(1); }",
        "t:1:23-25: ERROR: Type mismatch for @x: trying to assign value of type 'sum_t' when map already has a type "
        "'hist_t'\n"
        "begin { @x = hist(1); @x = sum(1); }\n"
        "                      ~~\n",
    ),
    (
        "increment of a count",
        "begin { @x = count(); @x++; }",
        "t:1:23-27: ERROR: Type mismatch for @x: trying to assign value of type 'int64' when map already has a type "
        "'count_t'\n"
        "begin { @x = count(); @x++; }\n"
        "                      ~~~~\n",
    ),
    (
        "decrement of a sum",
        "begin { @x[1] = sum(1); --@x[1]; }",
        "t:1:25-32: ERROR: Type mismatch for @x: trying to assign value of type 'int64' when map already has a type "
        "'sum_t'\n"
        "begin { @x[1] = sum(1); --@x[1]; }\n"
        "                        ~~~~~~~\n",
    ),
    (
        "something added to a count",
        "begin { @x = count(); @x += 1; }",
        "t:1:23-25: ERROR: Type mismatch for @x: trying to assign value of type 'uint64' when map already has a "
        "type 'count_t'\n"
        "begin { @x = count(); @x += 1; }\n"
        "                      ~~\n",
    ),
    (
        "sums of both signs",
        "begin { @x = sum(nsecs); @x = sum(-1); }",
        "",
    ),
    # Copies.
    (
        "count into another map",
        "begin { @a = count(); @b = @a; }",
        "t:1:28-30: ERROR: Map value 'count_t' cannot be assigned from one map to another. The function that "
        "returns this type must be called directly e.g. `@b = count()`\n"
        "begin { @a = count(); @b = @a; }\n"
        "                           ~~\n"
        "HINT: Add a cast to integer if you want the value of the aggregate, e.g. `@b = (int64)@a;`\n",
    ),
    (
        "count into another keyed map",
        "begin { @a[1] = count(); @b[2] = @a[1]; }",
        "t:1:34-39: ERROR: Map value 'count_t' cannot be assigned from one map to another. The function that "
        "returns this type must be called directly e.g. `@b[...] = count()`\n"
        "begin { @a[1] = count(); @b[2] = @a[1]; }\n"
        "                                 ~~~~~\n"
        "HINT: Add a cast to integer if you want the value of the aggregate, e.g. `@b[...] = (int64)@a[...];`\n",
    ),
    (
        "average into another map",
        "begin { @a = avg(1); @b = @a; }",
        "t:1:27-29: ERROR: Map value 'avg_t' cannot be assigned from one map to another. The function that returns "
        "this type must be called directly e.g. `@b = avg()`\n"
        "begin { @a = avg(1); @b = @a; }\n"
        "                          ~~\n"
        "HINT: Add a cast to integer if you want the value of the aggregate, e.g. `@b = (int64)@a;`\n",
    ),
    (
        "statistics into another map",
        "begin { @a = stats(1); @b = @a; }",
        "t:1:29-31: ERROR: Map value 'stats_t' cannot be assigned from one map to another. The function that "
        "returns this type must be called directly e.g. `@b = stats()`\n"
        "begin { @a = stats(1); @b = @a; }\n"
        "                            ~~\n",
    ),
    (
        "histogram into another map",
        "begin { @a = hist(1); @b = @a; }",
        "t:1:28-30: ERROR: Map value 'hist_t' cannot be assigned from one map to another. The function that returns "
        "this type must be called directly e.g. `@b = hist()`\n"
        "begin { @a = hist(1); @b = @a; }\n"
        "                           ~~\n",
    ),
    (
        "count into a map of integers",
        "begin { @b = 1; @a = count(); @b = @a; }",
        "",
    ),
    (
        "count into a map by a cast",
        "begin { @a = count(); @b = (int64)@a; }",
        "",
    ),
    (
        "statistics into a variable",
        "begin { @a = stats(1); $x = @a; }",
        "t:1:29-31: ERROR: Value 'stats_t' cannot be assigned to a scratch variable.\n"
        "begin { @a = stats(1); $x = @a; }\n"
        "                            ~~\n",
    ),
    (
        "histogram into a variable",
        "begin { @a[1] = hist(1); $x = @a[1]; }",
        "t:1:31-36: ERROR: Value 'hist_t' cannot be assigned to a scratch variable.\n"
        "begin { @a[1] = hist(1); $x = @a[1]; }\n"
        "                              ~~~~~\n",
    ),
    (
        "histogram thrown away",
        "begin { @a = hist(1); _ = @a; @a; }",
        "t:1:27-29: ERROR: Value 'hist_t' cannot be assigned to a scratch variable.\n"
        "begin { @a = hist(1); _ = @a; @a; }\n"
        "                          ~~\n"
        "t:1:31-33: ERROR: Value 'hist_t' cannot be assigned to a scratch variable.\n"
        "begin { @a = hist(1); _ = @a; @a; }\n"
        "                              ~~\n",
    ),
    (
        "histogram into a map of integers",
        "begin { @b = 1; @a = hist(1); @b = @a; }",
        "t:1:36-38: ERROR: Value 'hist_t' cannot be assigned to a map.\n"
        "begin { @b = 1; @a = hist(1); @b = @a; }\n"
        "                                   ~~\n",
    ),
    # As keys.
    (
        "histogram is the key",
        "begin { @h = hist(1); @x[@h] = 1; }",
        "t:1:26-28: ERROR: Value 'hist_t' cannot be used as a map key.\n"
        "begin { @h = hist(1); @x[@h] = 1; }\n"
        "                         ~~\n",
    ),
    (
        "statistics are the key",
        "begin { @h = stats(1); @x[@h] = 1; }",
        "t:1:27-29: ERROR: Value 'stats_t' cannot be used as a map key.\n"
        "begin { @h = stats(1); @x[@h] = 1; }\n"
        "                          ~~\n",
    ),
    (
        "histogram in a key",
        "begin { @h = lhist(1, 0, 10, 1); @x[1, @h] = 1; }",
        "t:1:40-42: ERROR: lhist_t cannot be part of a map key\n"
        "begin { @h = lhist(1, 0, 10, 1); @x[1, @h] = 1; }\n"
        "                                       ~~\n",
    ),
    (
        "counts are numbers in a key",
        "begin { @c = count(); @x[@c] = 1; @y[1, @c] = 1; }",
        "",
    ),
    # As operands.
    (
        "histogram in arithmetic",
        "begin { @h = hist(1); print(@h + 1); }",
        "t:1:29-35: ERROR: The + operator can not be used on expressions of types hist_t, int8\n"
        "begin { @h = hist(1); print(@h + 1); }\n"
        "                            ~~~~~~\n",
    ),
    (
        "statistics with a minus",
        "begin { @h = stats(1); print(-@h); }",
        "t:1:30-33: ERROR: The - operator can not be used on expressions of type 'stats_t'\n"
        "begin { @h = stats(1); print(-@h); }\n"
        "                             ~~~\n",
    ),
    (
        "statistics compared",
        "begin { @h = stats(1); print(@h == 1); }",
        "t:1:30-37: ERROR: Type mismatch for '==': comparing stats_t with int8\n"
        "begin { @h = stats(1); print(@h == 1); }\n"
        "                             ~~~~~~~\n"
        "t:1:30-32: ERROR: left (stats_t)\n"
        "begin { @h = stats(1); print(@h == 1); }\n"
        "                             ~~\n"
        "t:1:36-37: ERROR: right (int8)\n"
        "begin { @h = stats(1); print(@h == 1); }\n"
        "                                   ~\n",
    ),
    (
        "statistics compared with themselves",
        "begin { @h = stats(1); print(@h == @h); }",
        "t:1:30-38: ERROR: The == operator can not be used on expressions of types stats_t, stats_t\n"
        "begin { @h = stats(1); print(@h == @h); }\n"
        "                             ~~~~~~~~\n",
    ),
    (
        "histogram as a condition",
        "begin { @h = hist(1); if (@h) { } }",
        "t:1:27-29: ERROR: Invalid condition: hist_t\n"
        "begin { @h = hist(1); if (@h) { } }\n"
        "                          ~~\n",
    ),
    (
        "histogram as a return value",
        "begin { @h = hist(1); return @h; }",
        "t:1:30-32: ERROR: Probe return values can only be integers. Found hist_t\n"
        "begin { @h = hist(1); return @h; }\n"
        "                             ~~\n",
    ),
    (
        "member of statistics",
        "begin { @h = stats(1); print(@h.count); }",
        "t:1:30-38: ERROR: Can not access field 'count' on expression of type 'stats_t'\n"
        "begin { @h = stats(1); print(@h.count); }\n"
        "                             ~~~~~~~~\n",
    ),
    (
        "loop over histograms",
        "begin { @h[1] = hist(1); for ($kv : @h) { } }",
        "t:1:37-39: ERROR: Loop expression does not support type: hist_t\n"
        "begin { @h[1] = hist(1); for ($kv : @h) { } }\n"
        "                                    ~~\n",
    ),
    (
        "loop over statistics",
        "begin { @h[1] = stats(1); for ($kv : @h) { } }",
        "t:1:38-40: ERROR: Loop expression does not support type: stats_t\n"
        "begin { @h[1] = stats(1); for ($kv : @h) { } }\n"
        "                                     ~~\n",
    ),
    # Arguments.
    (
        "sum of a string",
        'begin { @x = sum("a"); }',
        "t:1:18-21: ERROR: sum() only supports integer arguments (string provided)\n"
        'begin { @x = sum("a"); }\n'
        "                 ~~~\n",
    ),
    (
        "minimum of a tuple",
        "begin { @x = min((1, 2)); }",
        "t:1:18-24: ERROR: min() only supports integer arguments (tuple provided)\n"
        "begin { @x = min((1, 2)); }\n"
        "                 ~~~~~~\n",
    ),
    (
        "average of a bool",
        "begin { @x = avg(true); }",
        "t:1:18-22: ERROR: avg() only supports integer arguments (bool provided)\n"
        "begin { @x = avg(true); }\n"
        "                 ~~~~\n",
    ),
    (
        "maximum of a stack",
        "begin { @x = max(kstack); }",
        "t:1:18-24: ERROR: max() only supports integer arguments (kstack provided)\n"
        "begin { @x = max(kstack); }\n"
        "                 ~~~~~~\n",
    ),
    (
        "statistics of a pointer",
        "begin { @x = stats((int8 *)1); }",
        "t:1:20-28: ERROR: stats() only supports integer arguments (pointer provided)\n"
        "begin { @x = stats((int8 *)1); }\n"
        "                   ~~~~~~~~\n",
    ),
    (
        "histogram of a string",
        'begin { @x = hist("a"); }',
        "t:1:19-22: ERROR: hist() only supports int arguments (string provided)\n"
        'begin { @x = hist("a"); }\n'
        "                  ~~~\n",
    ),
    (
        "linear histogram of a string",
        'begin { @x = lhist("a", 0, 10, 1); }',
        "t:1:20-23: ERROR: lhist() only supports int arguments (string provided)\n"
        'begin { @x = lhist("a", 0, 10, 1); }\n'
        "                   ~~~\n",
    ),
    (
        "count of something",
        "begin { @x = count(1); }",
        "t:1:14-22: ERROR: count() requires no arguments (1 provided)\n"
        "begin { @x = count(1); }\n"
        "             ~~~~~~~~\n",
    ),
    (
        "sum of nothing",
        "begin { @x = sum(); }",
        "t:1:14-19: ERROR: sum() requires one argument (0 provided)\n"
        "begin { @x = sum(); }\n"
        "             ~~~~~\n",
    ),
    (
        "sum of two",
        "begin { @x = sum(1, 2); }",
        "t:1:14-23: ERROR: sum() requires one argument (2 provided)\n"
        "begin { @x = sum(1, 2); }\n"
        "             ~~~~~~~~~\n",
    ),
    (
        "histogram of nothing",
        "begin { @x = hist(); }",
        "t:1:14-20: ERROR: hist() requires at least one argument (0 provided)\n"
        "begin { @x = hist(); }\n"
        "             ~~~~~~\n",
    ),
    (
        "histogram of three",
        "begin { @x = hist(1, 2, 3); }",
        "t:1:14-27: ERROR: hist() takes up to 2 arguments (3 provided)\n"
        "begin { @x = hist(1, 2, 3); }\n"
        "             ~~~~~~~~~~~~~\n",
    ),
    (
        "linear histogram of three",
        "begin { @x = lhist(1, 0, 10); }",
        "t:1:14-29: ERROR: lhist() requires 4 arguments (3 provided)\n"
        "begin { @x = lhist(1, 0, 10); }\n"
        "             ~~~~~~~~~~~~~~~\n",
    ),
    (
        "too many bits",
        "begin { @x = hist(1, 6); }",
        "t:1:22-23: ERROR: hist: bits 6 must be 0..5\n"
        "begin { @x = hist(1, 6); }\n"
        "                     ~\n",
    ),
    (
        "negative bits",
        "begin { @x = hist(1, -1); }",
        "t:1:22-24: ERROR: hist: bits -1 must be 0..5\n"
        "begin { @x = hist(1, -1); }\n"
        "                     ~~\n",
    ),
    (
        "bits that are no literal",
        "begin { @x = hist(1, pid); }",
        "t:1:22-25: ERROR: hist() expects a int literal (int provided)\n"
        "begin { @x = hist(1, pid); }\n"
        "                     ~~~\n",
    ),
    (
        "different bits",
        "begin { @x = hist(1); @x = hist(2, 3); }",
        "t:1:23-25: ERROR: Different bits in a single hist unsupported\n"
        "begin { @x = hist(1); @x = hist(2, 3); }\n"
        "                      ~~\n",
    ),
    (
        "different bits in two probes",
        "begin { @x = hist(1, 2); }\n"
        "end { @x = hist(1, 3); }",
        "t:2:7-9: ERROR: Different bits in a single hist unsupported\n"
        "end { @x = hist(1, 3); }\n"
        "      ~~\n",
    ),
    (
        "step of zero",
        "begin { @x = lhist(1, 0, 10, 0); }",
        "t:1:14-32: ERROR: lhist() step must be >= 1 (0 provided)\n"
        "begin { @x = lhist(1, 0, 10, 0); }\n"
        "             ~~~~~~~~~~~~~~~~~~\n",
    ),
    (
        "range backwards",
        "begin { @x = lhist(1, 10, 0, 1); }",
        "t:1:14-32: ERROR: lhist() min must be less than max (provided min 10 and max 0)\n"
        "begin { @x = lhist(1, 10, 0, 1); }\n"
        "             ~~~~~~~~~~~~~~~~~~\n",
    ),
    (
        "too many buckets",
        "begin { @x = lhist(1, 0, 10000, 1); }",
        "t:1:14-35: ERROR: lhist() too many buckets, must be <= 1000 (would need 10000)\n"
        "begin { @x = lhist(1, 0, 10000, 1); }\n"
        "             ~~~~~~~~~~~~~~~~~~~~~\n",
    ),
    (
        "step is larger than the range",
        "begin { @x = lhist(1, 0, 10, 20); }",
        "t:1:14-33: ERROR: lhist() step is too large for the given range (provided step 20 for range 10)\n"
        "begin { @x = lhist(1, 0, 10, 20); }\n"
        "             ~~~~~~~~~~~~~~~~~~~\n",
    ),
    (
        "negative minimum",
        "begin { @x = lhist(1, -1, 10, 1); }",
        "t:1:23-25: ERROR: lhist: invalid min value (must be non-negative literal)\n"
        "begin { @x = lhist(1, -1, 10, 1); }\n"
        "                      ~~\n",
    ),
    (
        "maximum that is no literal",
        "begin { @x = lhist(1, 0, pid, 1); }",
        "t:1:26-29: ERROR: lhist: invalid max value (must be non-negative literal)\n"
        "begin { @x = lhist(1, 0, pid, 1); }\n"
        "                         ~~~\n",
    ),
    (
        "step that is no literal",
        'begin { @x = lhist(1, 0, 10, "a"); }',
        "t:1:30-33: ERROR: lhist: invalid step value (must be non-negative literal)\n"
        'begin { @x = lhist(1, 0, 10, "a"); }\n'
        "                             ~~~\n",
    ),
    (
        "different bounds",
        "begin { @x = lhist(1, 0, 10, 2); @x = lhist(1, 0, 10, 1); }",
        "t:1:34-36: ERROR: Different lhist bounds in a single map unsupported\n"
        "begin { @x = lhist(1, 0, 10, 2); @x = lhist(1, 0, 10, 1); }\n"
        "                                 ~~\n",
    ),
    # Printing.
    (
        "entry of a histogram",
        "begin { @h[1] = hist(1); print(@h[1]); }",
        "t:1:32-37: ERROR: Map type hist_t cannot print the value of individual keys. You must print the whole map.\n"
        "begin { @h[1] = hist(1); print(@h[1]); }\n"
        "                               ~~~~~\n",
    ),
    (
        "histogram in a format",
        'begin { @h = hist(1); printf("%s", @h); }',
        "t:1:36-38: ERROR: Map type hist_t cannot print the value of individual keys. You must print the whole map.\n"
        'begin { @h = hist(1); printf("%s", @h); }\n'
        "                                   ~~\n",
    ),
    (
        "top and divisor of statistics",
        "begin { @h[1] = stats(1); print(@h, 5, 2); }",
        "t:1:27-42: WARNING: print()'s top and div arguments are ignored when used on stats() maps.\n"
        "begin { @h[1] = stats(1); print(@h, 5, 2); }\n"
        "                          ~~~~~~~~~~~~~~~\n",
    ),
    (
        "counts are numbers in a format",
        'begin { @c = count(); printf("%d", @c); print((1, @c)); }',
        "",
    ),
]


@pytest.mark.parametrize(("script", "printed"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_it_says(script: str, printed: str) -> None:
    assert Checked(script).printed == printed
