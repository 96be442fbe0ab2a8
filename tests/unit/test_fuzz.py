"""Whatever comes in, the compiler gives diagnostics or a program: never another exception, and never no answer.

A hundred thousand mutations of the repository's own scripts and of a snippet for each construct go through the parser,
and every so many of them through the later stages that need no machine. All are made of fixed seeds, so what fails
here fails again.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, get_args

import pybpftrace
import pytest
from formatting import outline
from hypothesis import given, settings
from hypothesis import strategies as st
from program_strategies import programs
from pybpftrace.core import ast
from pybpftrace.core.compile_options import CompileOptions
from pybpftrace.core.diagnostics import CompileError, Diagnostics, format_all
from pybpftrace.core.pipeline import Pipeline, StageStopped, plugin_manager
from pybpftrace.core.source import Source
from pybpftrace.core.target import Target
from pybpftrace.passes import builtin_plugins
from pybpftrace.passes.parse.brackets import items
from pybpftrace.passes.parse.format import format_source
from pybpftrace.passes.parse.syntax import parse_file

ROOT = Path(pybpftrace.__path__[0])
PATHS = sorted(path for name in ("tools", "tests") for path in (ROOT / name).rglob("*.bt"))
SCRIPTS = [path.read_bytes().decode("latin-1") for path in PATHS]
#: What the scripts have too little of: each construct of the language, in as few words as it takes.
SNIPPETS = (
    "#!/usr/bin/env bpftrace\nBEGIN { }",
    "#include <a.h>\n#define X (1 + Y)\n#define Y 2\nBEGIN { print(X) }",
    "struct s { int a; struct { char b[4]; } c; } __attribute__((packed)); BEGIN { $s = (struct s *)0; print($s->c) }",
    "enum e { A = 1, B }; typedef struct { int a; } t; BEGIN { print((enum e)B); print(sizeof(t)) }",
    'config = { max_strlen = 64; stack_mode = "perf"; print_maps_on_exit = false } END { }',
    'let @m = hash(10); let @p = percpuhash(5); BEGIN { @m[1] = 2; @p["a"] = count() }',
    "macro add($x, @m, e) { @m[e] = $x; $x + e } BEGIN { $y = 1; print(add($y, @m, 2)) }",
    "macro size(t) { sizeof(t) + offsetof(struct task_struct, pid) } BEGIN { print(size(typeof(uint64))) }",
    "fn f($a : int8, $b : struct s *[2]) : void { return; }",
    'kprobe:vfs_read, kretprobe:"vfs_write" /pid == 1e3 && comm != "a\\n\\x41"/ { exit() }',
    "tracepoint:syscalls:sys_enter_openat /args.dfd > 0/ { @[str(args.filename)] = count() }",
    "tracepoint:syscalls:sys_enter_* { print(probe) }",
    "uprobe:/bin/bash:readline, uretprobe:/bin/bash:readline { print(retval) }",
    "usdt:./a:b:c { print(arg0) } interval:ms:10 { exit(1) } profile:hz:99 { @[ustack, kstack(3)] = count() }",
    "self:signal:SIGUSR1 { print(1) } test:t { return 0; } bench:b { @ = 1 } software:faults:1 {} hardware:cycles:5 {}",
    "BEGIN { let $x : int32 = -2; let $y; $y = (uint64)$x; _ = $y; let $z : string; $z = str($1) }",
    "BEGIN { $x = 5; $x += 2; $x -= 1; $x *= 3; $x /= 2; $x %= 2; $x <<= 1; $x >>= 1; $x &= 7; $x |= 8; $x ^= 1 }",
    "BEGIN { @a++; ++@a; @a--; --@a; @b[1, 2]++; $i = @a++ + ++@b[1, 2]; print($i++) }",
    "BEGIN { if ($1 > 2) { print(1) } else if ($2) { print(2) } else { print(3) }; $x = if (@a) { 1 } else { 2 } }",
    "BEGIN { for ($kv : @m) { print($kv.0); break } @m[1] = 1; for ($i : 0..(1 + 2)) { continue } for $j : (-1)..5 {}}",
    "BEGIN { $n = 3; while ($n > 0) { $n--; if ($n == 1) { return } } unroll (3) { @++ } unroll ($1) { @ = 1 } }",
    'BEGIN { $t = (1, "two", (3, true)); print($t.2.1); $r = (a=1, b="x"); print($r.b); print(()); print((1,)) }',
    "BEGIN { print(1 + 2 * 3 - 4 / 5 % 6 << 1 >> 2 & 3 | 4 ^ 5); print(!1 && ~2 || -3 == 4 != (5 < 6)) }",
    "BEGIN { $p = &@a; $v = 1; $q = &$v; print(*$q); @a = 1; print(*(uint8 *)$q); print(*kptr($q)) }",
    "BEGIN { print($1 ?: 2); print($2 ? 3 : 4 ? 5 : 6); $a == 1 ? print(1) : print(2); $b = { let $c = 1; $c + 1 } }",
    'BEGIN { print((int8)-1); print((int8[4])1); print((string[8])"a"); print((typeof($1))2); print(typeinfo(@x)) }',
    "BEGIN { if comptime (sizeof(@v) == 2) { print(1) } else { print(2) } print(comptime (1 + 2)); @v = (uint16)1 }",
    "BEGIN { print(0xdead_beef); print(1e6); print(5ms); print(10ull); print(0755); print(18446744073709551615) }",
    'BEGIN { printf("%-10s|%5d|%x|%c|%llu|%p\\n", "a", 1, 2, 65, 3, 4); print(("abc"[1], "ab" + "c", "abc" < "abd")) }',
    "BEGIN { @ = hist(5); @l = lhist(5, 0, 10, 1); @s = sum(-1); @a = avg(2); @n = min(3); @x = max(4); @t = stats(5)}",
    'BEGIN { print(getopt("a", 1)); print(getopt("b", "x", "help")); print($#); delete(@m, 1); @m[1] = 1; clear(@m) }',
    "END { print(@m, 5, 2); zero(@m); @m[1, \"a\"] = sum(1); time(\"%H\"); exit() }",
    "BEGIN { // a\n print(1); /* b */ print(/* c */ 2) /* d\n e */ }",
    'import "nothing.bt"; BEGIN { import "nothing.h"; }',
)
_PIECES = (
    b"$x $1 $# @m @ a pid comm arg0 ( ) [ ] { } / , ; : ? ?: + ++ -- - * % & && | || ^ ~ ! . .. -> = == += <<= "
    b"< > 0 1 08 0x 1e3 1_0 5s 18446744073709551616 99999999999999999999999 if else for while unroll let return break "
    b"continue import config macro fn struct enum union typedef sizeof( offsetof( typeof( typeinfo( comptime true _ "
    b"int8 uint64 string buffer (a) (int8) (a=1 (struct __attribute__ #define #! // /* */ BEGIN kprobe:f count() str( "
    b"\"a\" \"\\x \"%d\" \" \\ ' \0 \x7f \xff \xc3\xa9 \r \n \t \v"
)
TOKENS = tuple(_PIECES.decode("latin-1").split(" "))
_TOKEN = re.compile(r'"(?:\\.|[^"\\\n])*"|[$@#]?\w+|[-+*/%&|^<>=!]=?|\s+|.', re.DOTALL)
#: What text may stand in.
AROUND = (("", ""), ("BEGIN { ", " }"), ('BEGIN { print("', '") }'), ("BEGIN /", "/ {}"))
#: The span of a cast is not that of its text.
EXPRESSIONS = tuple(set(get_args(ast.Expression)) - {ast.Cast})
#: Seconds of processor time that no input of a few hundred bytes can need.
LONGEST = 20


class NoAnswer(BaseException):
    """What an input gets that takes too long. No `except Exception` can take it for an error of the script."""


@contextmanager
def answered() -> Iterator[None]:
    """Ends what does not end by itself."""

    def stop(*_: Any) -> None:
        raise NoAnswer

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, LONGEST)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


@cache
def corpus() -> tuple[tuple[str, ...], ...]:
    """The items of all scripts and the snippets as tokens, the long ones left out."""
    texts = [text[begin:end] for text in SCRIPTS for begin, end in items(text)]
    return tuple(tuple(_TOKEN.findall(text)) for text in (*texts, *SNIPPETS) if len(text) < 600)


def mutated(random: Random) -> str:
    """One of the corpus with one to five changes, of tokens or of bytes."""
    tokens = list(random.choice(corpus()))
    for _ in range(random.choice((1, 1, 1, 2, 3, 5))):
        begin = random.randrange(len(tokens) + 1)
        end = min(len(tokens), begin + random.choice((1, 1, 2, 5, 20)))
        match random.randrange(8):
            case 0:
                del tokens[begin:end]
            case 1:
                tokens[begin:begin] = tokens[begin:end]
            case 2:
                other = random.randrange(len(tokens) + 1)
                tokens[begin:end], tokens[other : other + 1] = tokens[other : other + 1], tokens[begin:end]
            case 3:
                tokens[begin:begin] = [random.choice(TOKENS)]
            case 4:
                tokens[begin:end] = [random.choice(TOKENS)]
            case 5:
                donor = random.choice(corpus())
                at = random.randrange(len(donor) + 1)
                tokens[begin:end] = donor[at : at + random.choice((1, 3, 10, 40))]
            case 6:
                del tokens[begin:]
            case _:
                text = "".join(tokens)
                at = random.randrange(len(text) + 1)
                byte = chr(random.randrange(256)) * random.randrange(2)
                tokens = _TOKEN.findall(text[:at] + byte + text[at + random.randrange(2) :])
    return "".join(tokens)


@cache
def expressions() -> tuple[tuple[str, tuple[tuple[int, int], ...]], ...]:
    """Each script of the corpus that parses, with the places of its expressions."""
    found = []
    for text in sorted({"".join(tokens) for tokens in corpus()}):
        program = parse(text)
        nodes = list(ast.walk(program)) if program is not None else []
        targets = {node.target for node in nodes if isinstance(node, ast.Assignment | ast.Increment)}
        spans = tuple((n.span.start, n.span.end) for n in nodes if isinstance(n, EXPRESSIONS) and n not in targets)
        found += [(text, spans)] if spans else []
    return tuple(found)


def spliced(random: Random) -> str:
    """A script in which one to three expressions have become others, of its own or of another: most of them parse."""
    script, places = random.choice(expressions())
    pieces, last = [], len(script)
    for begin, end in sorted(random.sample(places, min(len(places), random.choice((1, 1, 2, 3)))), reverse=True):
        donor, donated = random.choice(((script, places), (script, places), random.choice(expressions())))
        other_begin, other_end = random.choice(donated)
        if end <= last:
            other = donor[other_begin:other_end]
            pieces += [script[end:last], random.choice((other, f"({other})"))]
            last = begin
    return script[:last] + "".join(reversed(pieces))


def parse(script: str) -> ast.Program | None:
    """The tree, or nothing when there are diagnostics, which can be printed and point into the script."""
    source = Source("t", script)
    diagnostics = Diagnostics()
    program = parse_file(source, 0, diagnostics)
    if not diagnostics.failed:
        return program
    assert format_all(diagnostics.recorded, source)
    for diagnostic in diagnostics.recorded:
        assert diagnostic.span is not None
        assert 0 <= diagnostic.span.start <= diagnostic.span.end <= len(script) + 2
    return None


@cache
def pipeline() -> tuple[Pipeline, Target]:
    target = Target.from_directory(str(ROOT / "tests" / "golden" / "target"))
    return Pipeline(plugin_manager(builtin_plugins()), stop_after="typecheck"), target


def type_check(script: str, directory: str) -> None:
    """Runs the stages up to types. The directory is for imports."""
    compiler, target = pipeline()
    source = Source("t", script)
    diagnostics = Diagnostics()
    options = CompileOptions(arguments=("1", "two"), directory=directory)
    try:
        compiler.compile(source, target, options=options, diagnostics=diagnostics)
    except StageStopped:
        pass
    except CompileError as error:
        assert error.diagnostics
    assert format_all(diagnostics.recorded, diagnostics.source or source) or not diagnostics.recorded


def check_layout(script: str, program: ast.Program) -> None:
    formatted = format_source(Source("t", script))
    again = parse(formatted)
    assert again is not None
    assert outline(again) == outline(program)
    assert format_source(Source("t", formatted)) == formatted


def failing(seeds: range, made: Callable[[Random], str], check: Callable[[str], object]) -> list[str]:
    """The inputs for which `check` raises, with what it raised; no more than a few."""
    found = []
    for seed in seeds:
        script = made(Random(seed))
        try:
            with answered():
                check(script)
        except (Exception, NoAnswer) as error:
            found.append(f"seed {seed}: {error!r} for {script!r}")
            if len(found) == 5:
                break
    return found


def test_what_goes_wrong_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def check(script: str) -> None:
        while script == "ab":
            pass
        if script == "a":
            raise RecursionError

    monkeypatch.setitem(globals(), "LONGEST", 0.1)
    scripts = iter(("a", "b", "ab"))
    assert failing(range(3), lambda random: next(scripts), check) == [
        "seed 0: RecursionError() for 'a'",
        "seed 2: NoAnswer() for 'ab'",
    ]


def test_the_snippets_are_programs() -> None:
    for snippet in SNIPPETS:
        diagnostics = Diagnostics()
        parse_file(Source("t", snippet), 0, diagnostics)
        assert not diagnostics.recorded, snippet


#: A fifth of the hundred thousand each, so that a failure says soon where it is.
@pytest.mark.fuzz
@pytest.mark.parametrize("first", range(0, 100_000, 20_000))
def test_a_mutated_script_gives_a_tree_or_diagnostics(first: int) -> None:
    assert failing(range(first, first + 20_000), mutated, parse) == []


@pytest.mark.fuzz
def test_a_mutated_script_that_parses_has_a_layout() -> None:
    def check(script: str) -> None:
        program = parse(script)
        if program is not None:
            check_layout(script, program)

    assert failing(range(200_000, 205_000), mutated, check) == []


@pytest.mark.fuzz
def test_a_mutated_script_that_parses_has_types_or_diagnostics(tmp_path: Path) -> None:
    def check(script: str) -> None:
        if parse(script) is not None:
            type_check(script, str(tmp_path))

    assert failing(range(300_000, 305_000), mutated, check) == []


@pytest.mark.fuzz
def test_a_script_with_an_expression_of_another_has_types_or_diagnostics(tmp_path: Path) -> None:
    assert failing(range(400_000, 405_000), spliced, lambda script: type_check(script, str(tmp_path))) == []


def test_the_passes_of_types_are_reached(tmp_path: Path) -> None:
    """So that the tests above look at more than refusals."""
    compiler, target = pipeline()
    with pytest.raises(StageStopped):
        compiler.compile(Source("t", "BEGIN { print(1) }"), target)


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_give_a_tree_or_diagnostics(data: bytes) -> None:
    with answered():
        parse(data.decode("latin-1"))


@settings(deadline=None)
@given(st.text(max_size=200), st.sampled_from(AROUND))
def test_any_text_gives_types_or_diagnostics(text: str, around: tuple[str, str]) -> None:
    with answered():
        type_check(text.encode("utf-8", "surrogatepass").decode("latin-1").join(around), "/nonexistent")


@settings(deadline=None, max_examples=50)
@given(programs(size=40))
def test_any_program_gives_types_or_diagnostics(script: str) -> None:
    with answered():
        type_check(script, "/nonexistent")
