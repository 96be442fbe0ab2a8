"""Macros of the library: found by name, brought in only where they are used, parsed once, replaced by a script's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest
from checking import Checked
from pybpftrace.cli import main
from pybpftrace.core import ast
from pybpftrace.core.function import Function, Signature
from pybpftrace.core.hookspecs import hookimpl
from pybpftrace.core.library import Library, MacroFile, builtin_macro_files, plugin_macro_file
from pybpftrace.core.pipeline import Pipeline, StageStopped, plugin_manager
from pybpftrace.core.registry import PluginError, Registry
from pybpftrace.core.source import Source
from pybpftrace.passes import builtin_plugins
from pybpftrace.passes.parse import library_files
from pybpftrace.passes.parse.control_flow import CheckControlFlow
from pybpftrace.passes.parse.macros import ExpandMacros
from pybpftrace.passes.parse.unstable import CheckUnstable
from staged import RememberingTarget, Staged

DOGS = """// A comment before.
macro bark(times) { times * 2 }
macro twice(x) { bark(x) + bark(x) }
macro six() { 6 }
"""


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "pybpftrace"


class Bark(Function):
    """`bark(a)` and `bark(a, b)`, and bare `bark`."""

    names = ("bark",)
    bare = True
    signature = Signature(1, 2)


def library(**files: str) -> Library:
    return Library(MacroFile(f"stdlib/{name}.bt", text, "tests") for name, text in files.items())


def staged(script: str, *functions: Function, **files: str) -> Staged:
    """The script with its macros expanded."""
    run = Staged(script)
    for function in functions:
        run.compilation.functions.add(function, "tests")
    run.compilation.library = library(**files) if files else library(dogs=DOGS)
    for pass_ in (CheckUnstable(), CheckControlFlow(), ExpandMacros()):
        if not run.diagnostics.failed:
            run.program = pass_.run(run.program, run.compilation)
    return run


def text(script: str, *functions: Function, **files: str) -> str:
    run = staged(script, *functions, **files)
    assert run.messages == []
    return run.text()


# What a call becomes


def test_a_library_macro_is_called_like_one_of_the_script() -> None:
    assert text("begin { print(bark(3)); }") == "{ print((3 * 2)); }"


def test_one_without_parameters_is_also_called_by_its_bare_name() -> None:
    assert text("begin { print(six + six()); }") == "{ print((6 + 6)); }"


def test_a_bare_word_is_no_call_of_a_macro_that_has_parameters() -> None:
    assert text("begin { print(bark); }") == "{ print(bark); }"


def test_one_library_macro_may_use_another() -> None:
    assert text("begin { print(twice(1)); }") == "{ print(((1 * 2) + (1 * 2))); }"


def test_the_macros_of_a_script_may_use_them() -> None:
    assert text("macro loud(x) { bark(x) } begin { print(loud(1)); }") == "{ print((1 * 2)); }"


def test_a_bare_name_in_a_type_context_is_never_a_macro() -> None:
    assert text("begin { print(sizeof(six)); print(sizeof(six())); $x = (six)$y; }") == (
        "{ print(sizeof(six)); print(sizeof(6)); $x = (six)$y; }"
    )


def test_variables_of_the_body_are_private() -> None:
    body = "macro next(n) { $x = n; $x + 1 }"
    assert text("begin { $x = 1; print(next($x)); }", m=body) == "{ $x = 1; print({ $x#1 = { $x }; ($x#1 + 1) }); }"


def test_calls_in_imported_scripts_are_expanded(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "imported.bt").write_text("macro loud(x) { bark(x) } begin { print(six); }")
    from pybpftrace.passes.parse.imports import ResolveImports

    run = Staged('import "imported.bt"; begin { print(loud(1)); }', ResolveImports(), directory=str(tmp_path))
    run.compilation.library = library(dogs=DOGS)
    program = ExpandMacros().run(run.program, run.compilation)
    assert run.messages == []
    assert not [node for node in ast.walk(program) if isinstance(node, ast.Identifier)]
    assert [name for _, name in program.source.files] == [str(tmp_path / "imported.bt"), "stdlib/dogs.bt"]


# What is brought in


def test_a_script_that_mentions_no_macro_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library_files, "parse_file", lambda *_: pytest.fail("parsed"))
    run = Staged("begin { print(barking); }")
    run.compilation.library = library(dogs=DOGS)
    assert ExpandMacros().run(run.program, run.compilation) is run.program


def test_a_name_in_a_comment_or_a_string_brings_no_file_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library_files, "parse_file", lambda *_: pytest.fail("parsed"))
    run = staged('begin { print("bark"); /* twice */ }')
    assert run.program.source.files == ()


def test_only_the_files_that_are_needed_come_behind_the_script_s_text() -> None:
    run = staged("begin { print(a()); }", a="macro a() { b() }", b="macro b() { 1 }", c="macro c() { 2 }")
    source = run.program.source
    assert [name for _, name in source.files] == ["stdlib/a.bt", "stdlib/b.bt"]
    assert source.text == "begin { print(a()); }\nmacro a() { b() }\nmacro b() { 1 }"
    assert source.library == source.text.index("macro a")


def test_a_file_is_parsed_once_for_all_scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    first = staged("begin { print(twice(1)); }").text()
    monkeypatch.setattr(library_files, "parse_file", lambda *_: pytest.fail("parsed again"))
    assert staged("kprobe:f { }  begin { print(twice(1)); }").text() == first


def test_what_is_kept_stands_at_its_place_in_each_script() -> None:
    staged("begin { print(bark(1)); }")
    run = staged("// A longer script than before.\nbegin { print(bark(1)); }")
    (product,) = [node for node in ast.walk(run.program) if isinstance(node, ast.Binary)]
    assert run.program.source.text[product.span.start : product.span.end] == "times * 2"


def test_a_file_with_another_text_is_parsed_again() -> None:
    assert text("begin { print(bark(1)); }") == "{ print((1 * 2)); }"
    assert text("begin { print(bark(1)); }", dogs="macro bark(x) { x }") == "{ print(1); }"


def test_another_parser_does_not_use_what_was_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    staged("begin { print(bark(1)); }")
    monkeypatch.setattr(library_files, "_parser", lambda: "another one")
    monkeypatch.setattr(library_files, "parse_file", lambda *_: pytest.fail("parsed again"))
    with pytest.raises(pytest.fail.Exception, match="parsed again"):
        staged("begin { print(bark(1)); }")


@pytest.mark.parametrize("damage", ["changed", "writable"])
def test_a_kept_tree_that_somebody_may_have_changed_is_not_used(own_cache: Path, damage: str) -> None:
    staged("begin { print(bark(1)); }")
    (kept,) = own_cache.glob("macros-*")
    if damage == "changed":
        kept.write_bytes(kept.read_bytes().replace(b"*", b"-"))
    else:
        # Whole and well made, but for another text: only its permissions say that it is not ours.
        kept.chmod(0o666)
    assert text("begin { print(bark(1)); }") == "{ print((1 * 2)); }"
    assert kept.stat().st_mode & 0o777 == 0o600


def test_it_works_without_a_cache_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library_files, "cache_directory", lambda: None)
    assert text("begin { print(bark(1)); }") == "{ print((1 * 2)); }"


def test_a_choice_whose_condition_is_its_value_stays_one_node_when_kept() -> None:
    for _ in range(2):
        run = staged("begin { print(or_one(g())); }", m="macro or_one(x) { f(x) ?: 1 }")
        (choice,) = [node for node in ast.walk(run.program) if isinstance(node, ast.Ternary)]
        assert choice.condition is choice.then


# A script's own macros


def test_a_script_s_macro_of_the_same_name_and_signature_replaces_the_library_s() -> None:
    assert text("macro bark(x) { 7 } begin { print(bark(1)); }") == "{ print(7); }"


def test_inside_of_library_macros_the_library_s_own_is_used() -> None:
    assert text("macro bark(x) { 7 } begin { print(twice(1)); }") == "{ print(((1 * 2) + (1 * 2))); }"


def test_what_a_script_hands_to_a_library_macro_means_what_it_means_in_the_script() -> None:
    assert text("macro six() { 7 } begin { print(twice(six)); }") == "{ print(((7 * 2) + (7 * 2))); }"


def test_one_with_another_signature_adds_an_overload() -> None:
    script = "macro bark() { 0 } macro bark(@m) { @m[1] } begin { print(bark()); print(bark(1)); print(bark(@a)); }"
    assert text(script) == "{ print(0); print((1 * 2)); print(@a[1]); }"


def test_the_macro_that_says_most_about_its_arguments_wins() -> None:
    files = {"m": "macro kind(@m) { 1 }\nmacro kind(e) { 0 }"}
    script = "macro kind(x) { 2 } begin { print(kind(@a)); print(kind(5)); }"
    with_own = staged(script, **files)
    assert (with_own.messages, with_own.text()) == ([], "{ print(1); print(2); }")


# Functions of the same name


def test_a_function_of_the_same_name_takes_what_no_macro_takes() -> None:
    script = "begin { print(bark(1)); print(bark(1, 2)); print(bark); }"
    assert text(script, Bark()) == "{ print((1 * 2)); print(bark(1, 2)); print(bark); }"


def test_a_function_of_the_same_name_takes_what_a_script_s_macro_does_not() -> None:
    script = "macro bark(a, b, c) { 3 } begin { print(bark(1, 2, 3)); print(bark(1, 2)); }"
    assert text(script, Bark(), m="macro other() { 1 }") == "{ print(3); print(bark(1, 2)); }"


def test_a_call_that_neither_takes_is_told_of_the_macros() -> None:
    assert staged("begin { bark(1, 2, 3); }", Bark()).message == (
        "ERROR: Call to bark() has arguments that do not match any definition."
    )


# What is said, and where


def test_a_mismatch_is_shown_with_the_definition_in_the_library() -> None:
    assert staged("begin { bark(); }").printed() == (
        "t:1:9-15: ERROR: Call to bark() has arguments that do not match any definition.\n"
        "begin { bark(); }\n"
        "        ~~~~~~\n"
        "stdlib/dogs.bt:2:1-11: ERROR: The closest definition of bark() has a different number of arguments. "
        "Expected: 1 but got 0\n"
        "macro bark(times) { times * 2 }\n"
        "~~~~~~~~~~\n"
    )


@pytest.mark.parametrize(
    ("parameter", "argument", "told"),
    [
        ("@m", "$x", "a map for arg @m but got a variable."),
        ("@m", "5", "a map for arg @m but got an expression."),
        ("$v", "@m", "a variable for arg $v but got a map."),
        ("$v", "1 + 1", "a variable for arg $v but got an expression."),
    ],
)
def test_an_argument_of_the_wrong_kind_is_named(parameter: str, argument: str, told: str) -> None:
    (diagnostic,) = staged(f"begin {{ m({argument}); }}", m=f"macro m({parameter}) {{ 1 }}").diagnostics.recorded
    assert diagnostic.message == "Call to m() has arguments that do not match any definition."
    assert [note.message for note in diagnostic.notes] == [f"Mismatched arg. m() expects {told}"]


def test_a_circle_of_library_macros_is_told_with_its_chain() -> None:
    run = staged("begin { a(); }", a="macro a() { b() }", b="macro b() { a() }")
    assert run.printed() == (
        "stdlib/b.bt:1:13-16: ERROR: Recursive macro call detected. Call chain: a > b > a\n"
        "macro b() { a() }\n"
        "            ~~~\n"
        "stdlib/a.bt:1:13-16: ERROR: expanded from\n"
        "macro a() { b() }\n"
        "            ~~~\n"
        "t:1:9-12: ERROR: expanded from\n"
        "begin { a(); }\n"
        "        ~~~\n"
    )


def test_what_is_wrong_in_a_body_is_located_in_the_library_and_traced_to_the_script() -> None:
    for _ in range(2):  # parsed, and as it was kept
        run = staged("begin { outer(1); }", m="// m\nmacro outer(x) { inner(x); }\nmacro inner(x) { @map = x; }")
        assert run.printed() == (
            "stdlib/m.bt:3:18-22: ERROR: Unhygienic access to map: @map. Maps must be passed into the macro as "
            "arguments.\n"
            "macro inner(x) { @map = x; }\n"
            "                 ~~~~\n"
            "stdlib/m.bt:2:18-26: ERROR: expanded from\n"
            "macro outer(x) { inner(x); }\n"
            "                 ~~~~~~~~\n"
            "t:1:9-17: ERROR: expanded from\n"
            "begin { outer(1); }\n"
            "        ~~~~~~~~\n"
        )


@pytest.mark.parametrize("other", ["begin { }", 'import "x";', "let @m = hash(1);", "config = { log_size = 1 }"])
def test_a_library_file_holds_macros_alone(other: str) -> None:
    run = staged("begin { m(); }", m=f"{other}\nmacro m() {{ 1 }}")
    assert run.message == "ERROR: a library file can hold macros and nothing else"
    assert run.printed().startswith("stdlib/m.bt:1:")


def test_a_library_macro_imports_nothing() -> None:
    run = staged("begin { m(); }", m='macro m() { import "x"; 1 }')
    assert run.message == "ERROR: a library file can hold macros and nothing else"


def test_a_syntax_error_of_the_library_is_located_there_each_time() -> None:
    for _ in range(2):
        run = staged("begin { m(); }", m="\nmacro m() { 1 +; }")
        assert run.printed().startswith("stdlib/m.bt:2:16-17: ERROR: syntax: ")


def test_a_definition_in_a_comment_is_none() -> None:
    run = staged("begin { m(); }", m="/*\nmacro m() { 1 }\n*/\nmacro n() { 1 }")
    assert (run.messages, run.text()) == ([], "{ m(); }")


# What the library may and a script may not


def test_the_library_uses_unstable_features_whatever_the_config_says() -> None:
    assert text("begin { m(5); }", m="macro m(x) { typeinfo(x).base_type }") == "{ typeinfo(5).base_type; }"


def test_exit_ends_the_probe_from_inside_of_the_library() -> None:
    assert text("begin { stop(); f(); }", m="macro stop() { exit(1); }") == "{ { exit(1); return; } f(); }"
    assert text("macro stop() { exit(1); } begin { stop(); f(); }") == "{ { exit(1); } f(); }"


def test_a_macro_cannot_return_by_itself() -> None:
    assert staged("begin { m(); }", m="macro m() { return; }").message == (
        "ERROR: 'return' statement is not allowed in a macro"
    )


# Where macros come from


def test_the_library_s_own_files_are_well_made() -> None:
    """Each parses, and no function takes a call that a macro takes."""
    files = builtin_macro_files()
    assert files
    pipeline = Pipeline(plugin_manager(builtin_plugins()))
    functions = pipeline.functions()
    run = Staged("begin { }")
    run.compilation.library = whole = pipeline.library(functions)
    reader = library_files.LibraryFiles(run.program.source, run.compilation)
    for name in whole.names():
        assert reader.macros(name), f"{name} is defined in a comment only"
        for macro in reader.macros(name):
            function = functions.get(name)
            given = len(macro.parameters)
            assert function is None or not function.signature.minimum <= given <= function.signature.maximum, name
    assert run.messages == []
    assert all(file.name.startswith("stdlib/") and "\r" not in file.text for file in files)


class Plugin:
    """A third-party plugin that registers files of macros."""

    def __init__(self, *files: Any, functions: Sequence[Function] = ()) -> None:
        self._files, self._functions = files, functions

    @hookimpl
    def register_macros(self) -> Sequence[Any]:
        return self._files

    @hookimpl
    def register_functions(self) -> Sequence[Function]:
        return self._functions


def library_with(*plugins: tuple[str, Plugin]) -> Library:
    pipeline = Pipeline(plugin_manager([*builtin_plugins(), *plugins]))
    return pipeline.library(pipeline.functions())


def test_a_plugin_gives_files_by_path_or_by_text(tmp_path: Path) -> None:
    path = tmp_path / "leash.bt"
    path.write_text("macro leash() { 1 }")
    found = library_with(("dogs", Plugin(str(path), ("tail.bt", "macro wag(x) { x }"))))
    assert found.files("leash") == [MacroFile("dogs/leash.bt", "macro leash() { 1 }", "dogs", str(path))]
    assert found.files("wag") == [MacroFile("dogs/tail.bt", "macro wag(x) { x }", "dogs")]


def test_a_compilation_depends_on_a_plugin_s_files(tmp_path: Path) -> None:
    path = tmp_path / "leash.bt"
    path.write_text("macro leash() { 1 }")
    (dependency,) = library_with(("dogs", Plugin(path))).dependencies
    assert (dependency.kind, dependency.key) == ("text", str(path))


def test_a_plugin_s_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(PluginError) as told:
        plugin_macro_file(tmp_path / "gone.bt", "dogs")
    assert str(told.value) == f"plugin 'dogs': macros in {tmp_path}/gone.bt: No such file or directory"


def test_a_file_that_everybody_can_write_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "leash.bt"
    path.write_text("macro leash() { 1 }")
    path.chmod(0o666)
    with pytest.raises(PluginError) as told:
        plugin_macro_file(path, "dogs")
    assert str(told.value) == f"macros in {path}: everybody can write this file"


def test_two_plugins_cannot_have_a_macro_of_the_same_name_and_signature() -> None:
    first, second = Plugin(("a.bt", "macro m(x, @y) { 1 }")), Plugin(("b.bt", "macro m(a, @b) { 1 }"))
    with pytest.raises(PluginError) as told:
        library_with(("one", first), ("two", second))
    # pluggy asks the plugin that was registered last first.
    assert str(told.value) in (
        "macro 'm' of one clashes with macro 'm' of two", "macro 'm' of two clashes with macro 'm' of one"
    )


def test_two_plugins_can_have_macros_of_one_name_and_different_signatures() -> None:
    first, second = Plugin(("a.bt", "macro m(x, @y) { 1 }")), Plugin(("b.bt", "macro m(x, $y) { 1 }"))
    assert len(library_with(("one", first), ("two", second)).files("m")) == 2


def test_a_plugin_s_macro_cannot_take_a_function_s_calls() -> None:
    with pytest.raises(PluginError) as told:
        library_with(("dogs", Plugin(("a.bt", "macro strncmp(a, b, n) { 0 }"))))
    assert str(told.value).startswith("macro 'strncmp' of dogs clashes with 'strncmp' of pybpftrace.plugins.stdlib.")


def test_a_plugin_s_macro_may_take_other_numbers_of_arguments_than_a_function() -> None:
    assert library_with(("dogs", Plugin(("a.bt", "macro strncmp(a, b) { 0 }")))).files("strncmp")


def test_a_plugin_s_function_cannot_take_a_library_macro_s_calls() -> None:
    class Assert(Function):
        names = ("assert",)
        signature = Signature(2, 2)

    with pytest.raises(PluginError) as told:
        library_with(("dogs", Plugin(functions=[Assert()])))
    assert str(told.value).startswith("macro 'assert' of pybpftrace.plugins.stdlib clashes with 'assert' of ")


def test_clashes_with_functions_are_no_matter_where_the_function_has_no_parentheses() -> None:
    class Bare(Function):
        names = ("m",)
        bare, callable = True, False

    functions: Registry[Function] = Registry()
    functions.add(Bare(), "elsewhere")
    library(a="macro m(x) { x }").check_clashes(functions)
    with pytest.raises(PluginError):
        library(a="macro m() { 1 }").check_clashes(functions)


# Warnings about style


def test_the_library_s_style_is_nobody_s_business(monkeypatch: pytest.MonkeyPatch) -> None:
    body = "macro calm(x) { (int64)x; len(@m); $y = (int64)5; $z = (int64)$y; $z }".replace("len(@m); ", "5 + 5; ")
    own = Checked(body + " begin { $a = calm(1); }").messages
    assert "WARNING: Unnecessary cast: expression is already of type int64" in own
    assert "WARNING: Return value discarded." in own
    monkeypatch.setattr(
        "pybpftrace.core.library.builtin_macro_files", lambda: [MacroFile("stdlib/calm.bt", body, "tests")]
    )
    assert Checked("begin { $a = calm(1); }").messages == []


def test_who_throws_a_library_macro_s_value_away_hears_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    body = "macro calm(x) { $y = x; if ($y > 0) { $y } else { 0 } }"
    monkeypatch.setattr(
        "pybpftrace.core.library.builtin_macro_files", lambda: [MacroFile("stdlib/calm.bt", body, "tests")]
    )
    assert Checked("begin { calm(1); }").printed == (
        "t:1:9-16: WARNING: Return value discarded.\nbegin { calm(1); }\n        ~~~~~~~\n"
    )


def test_a_warning_about_what_the_script_hands_over_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "pybpftrace.core.library.builtin_macro_files",
        lambda: [MacroFile("stdlib/calm.bt", "macro calm(x) { $y = x; $y }", "tests")],
    )
    assert Checked("begin { $i = (int64)1; $a = calm((int64)$i); }").messages == [
        "WARNING: Unnecessary cast: expression is already of type int64"
    ]


# An installed plugin

PLUGIN = """
import os
from pybpftrace.core.hookspecs import hookimpl

API_VERSION = 1

@hookimpl
def register_macros():
    return [os.path.join(os.path.dirname(__file__), "leash.bt"), ("tail.bt", "macro wag(x) { leash(x) }")]
"""


@pytest.fixture
def kennel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed third-party package with two files of macros."""
    site = tmp_path / "site"
    (site / "kennel-1.0.dist-info").mkdir(parents=True, mode=0o755)
    (site / "kennel-1.0.dist-info" / "entry_points.txt").write_text("[pybpftrace]\ndogs = dog_macros\n")
    (site / "dog_macros.py").write_text(PLUGIN)
    (site / "leash.bt").write_text("// A leash.\nmacro leash(length) { length + 1 }\n")
    site.chmod(0o755)
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setattr(main, "refusal", lambda: None)
    return site


def command(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    status = main.execute(list(words), {})
    printed = capsys.readouterr()
    return status, printed.out, printed.err


@pytest.mark.usefixtures("kennel")
def test_the_macros_of_an_installed_plugin_are_there(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = command(capsys, "--stop-after", "parse", "--dump-ast", "-e", "begin { print(wag(5)); }")
    assert (status, err) == (0, "")
    assert "Binary operator='+'" in out
    _, out, _ = command(capsys, "--list-plugins")
    assert "macros leash, wag" in next(line for line in out.splitlines() if line.startswith("dogs"))


@pytest.mark.usefixtures("kennel")
def test_without_plugins_their_macros_are_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    words = "--no-plugins", "--stop-after", "typecheck", "-e", "begin { print(wag(5)); }"
    status, _, err = command(capsys, *words)
    assert status == 1
    assert "ERROR: Unknown function: 'wag'" in err


@pytest.mark.usefixtures("kennel")
def test_what_is_wrong_in_a_plugin_s_macro_is_located_in_its_file(capsys: pytest.CaptureFixture[str]) -> None:
    words = "--stop-after", "typecheck", "-e", "begin { print(wag((1, 2))); }"
    _, _, err = command(capsys, *words)
    places = [line.partition(": ")[0] for line in err.splitlines() if ": ERROR: " in line]
    assert places == ["dogs/leash.bt:2:23-33", "dogs/tail.bt:1:16-24", "stdin:1:15-26"]


def test_a_compilation_remembers_the_plugin_s_files_whether_it_used_them_or_not(tmp_path: Path) -> None:
    path = tmp_path / "leash.bt"
    path.write_text("macro leash() { 1 }")
    pipeline = Pipeline(plugin_manager([*builtin_plugins(), ("dogs", Plugin(path))]), stop_after="parse")
    target = RememberingTarget()
    with pytest.raises(StageStopped):
        pipeline.compile(Source("t", "begin { }"), cast(Any, target))
    assert [dependency.key for dependency in target.dependencies] == [str(path)]
