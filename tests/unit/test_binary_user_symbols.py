from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pybpftrace.core.binary.elf import ElfFile
from pybpftrace.core.binary.mappings import ProcessMappings
from pybpftrace.core.binary.user_symbols import UserFrame, UserSymbols

pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc to build programs")

# Prints where its functions are and waits for a line, at which it starts the program of its argument or, without one,
# loads the library that the line names; then it waits again.
PROGRAM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef WITH_LIBRARY
int library_function(int);
#endif
__attribute__((noinline)) int FUNCTION(int x) { return x * 3; }
static int word;
int main(int argc, char **argv)
{
    static char line[4096];
    printf("function %p\nword %p\nheap %p\n", (void *)FUNCTION, (void *)&word, malloc(10));
#ifdef WITH_LIBRARY
    printf("library %p\n", (void *)library_function);
#endif
#ifdef WITH_DL
    void *vdso = dlopen("linux-vdso.so.1", RTLD_LAZY | RTLD_NOLOAD);
    printf("vdso %p\n", vdso ? dlsym(vdso, "__vdso_clock_gettime") : NULL);
#endif
    printf("end 0\n");
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = 0;
        if (argc > 1)
            execl(argv[1], argv[1], NULL);
#ifdef WITH_DL
        void *library = dlopen(line, RTLD_NOW);
        printf("loaded %p\nend 0\n", library ? dlsym(library, "library_function") : NULL);
        fflush(stdout);
#endif
    }
    return 0;
}
"""
LIBRARY = "__attribute__((noinline)) int library_function(int x) { return x * 5; }\n"


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Child:
    """A running program and the addresses that it printed."""

    def __init__(self, *command: str | Path) -> None:
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.pid = self.process.pid
        self.at = self.read()

    def read(self) -> dict[str, int]:
        assert self.process.stdout is not None
        printed: dict[str, int] = {}
        for line in self.process.stdout:
            name, _, value = line.partition(" ")
            if name == "end":
                return printed
            printed[name] = 0 if value.strip() == "(nil)" else int(value, 16)
        raise AssertionError("the program ended early")

    def say(self, line: str) -> dict[str, int]:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.read()

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.communicate()


def build(path: Path, *options: str, source: str = PROGRAM, function: str = "target_function") -> Path:
    text = path.parent / f"{path.name}.c"
    text.write_text(source)
    command = ["gcc", "-O1", "-w", f"-DFUNCTION={function}", "-Wl,--build-id=sha1", "-o", path, text, *options]
    subprocess.run(command, check=True)
    return path


@pytest.fixture
def start() -> Iterator[Callable[..., Child]]:
    children: list[Child] = []

    def start(*command: str | Path) -> Child:
        children.append(Child(*command))
        return children[-1]

    yield start
    for child in children:
        child.end()


Start = Callable[..., Child]


@pytest.mark.parametrize(
    "options",
    [("-static",), ("-no-pie",), ("-pie", "-fPIE"), ("-static-pie",), ("-pie", "-fPIE", "-Wl,-z,noseparate-code")],
    ids=lambda options: " ".join(options),
)
def test_a_running_programs_function_resolves_however_it_was_linked(
    tmp_path: Path, start: Start, options: tuple[str, ...]
) -> None:
    program = build(tmp_path / "program", *options)
    child = start(program)
    symbols = UserSymbols()
    assert symbols.resolve(child.pid, child.at["function"]) == UserFrame("target_function", 0, str(program))
    assert symbols.resolve(child.pid, child.at["function"] + 2) == UserFrame("target_function", 2, str(program))


def test_a_function_of_a_shared_library_resolves_to_the_library(tmp_path: Path, start: Start) -> None:
    library = build(tmp_path / "libit.so", "-shared", "-fPIC", source=LIBRARY)
    program = build(tmp_path / "program", "-DWITH_LIBRARY", str(library))
    child = start(program)
    frame = UserSymbols().resolve(child.pid, child.at["library"] + 1)
    assert frame == UserFrame("library_function", 1, str(library))


def test_a_stripped_program_gives_its_module_and_the_place_in_its_file(tmp_path: Path, start: Start) -> None:
    program = build(tmp_path / "program", "-s")
    child = start(program)
    frame = UserSymbols(debug_directory=str(tmp_path / "none")).resolve(child.pid, child.at["function"])
    found = ProcessMappings.of(child.pid).find(child.at["function"])
    assert found is not None
    assert frame == UserFrame(None, found[1], str(program))


def install_debug_file(program: Path, directory: Path, build_id: str | None = None) -> None:
    """Moves the symbols of `program` to its debug file, under another id where `build_id` is given."""
    with ElfFile(str(program)) as elf:
        build_id = build_id or elf.build_id()
    assert build_id is not None
    debug = directory / ".build-id" / build_id[:2] / f"{build_id[2:]}.debug"
    debug.parent.mkdir(parents=True)
    subprocess.run(["objcopy", "--only-keep-debug", program, debug], check=True)
    subprocess.run(["strip", program], check=True)


needs_objcopy = pytest.mark.skipif(shutil.which("objcopy") is None, reason="needs objcopy to make debug files")


@needs_objcopy
def test_the_symbols_of_a_stripped_program_come_from_its_debug_file(tmp_path: Path, start: Start) -> None:
    program = build(tmp_path / "program")
    install_debug_file(program, tmp_path / "debug")
    child = start(program)
    symbols = UserSymbols(debug_directory=str(tmp_path / "debug"))
    assert symbols.resolve(child.pid, child.at["function"] + 1) == UserFrame("target_function", 1, str(program))


@needs_objcopy
def test_a_debug_file_of_another_build_is_not_believed(tmp_path: Path, start: Start) -> None:
    program = build(tmp_path / "program")
    other = build(tmp_path / "other", function="other_function")
    with ElfFile(str(program)) as elf:
        build_id = elf.build_id()
    install_debug_file(other, tmp_path / "debug", build_id)
    subprocess.run(["strip", program], check=True)
    child = start(program)
    symbols = UserSymbols(debug_directory=str(tmp_path / "debug"))
    assert symbols.resolve(child.pid, child.at["function"]).symbol is None


def test_code_that_the_kernel_maps_into_every_process_resolves(tmp_path: Path, start: Start) -> None:
    child = start(build(tmp_path / "program", "-DWITH_DL"))
    if not child.at["vdso"]:
        pytest.skip("the C library or this machine's kernel offers no __vdso_clock_gettime")
    frame = UserSymbols().resolve(child.pid, child.at["vdso"] + 1)
    assert (frame.offset, frame.module) == (1, "[vdso]")
    assert frame.symbol in ("clock_gettime", "__vdso_clock_gettime")


def test_the_vdso_of_a_32_bit_process_is_not_taken_for_that_of_a_64_bit_one(
    tmp_path: Path, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = start(build(tmp_path / "program", "-DWITH_DL"))
    found = ProcessMappings.of(child.pid).find(child.at["vdso"])
    if found is None:
        pytest.skip("the C library or this machine's kernel offers no __vdso_clock_gettime")
    mapping, offset = found
    low = replace(mapping, start=0xF7F00000, end=0xF7F00000 + mapping.end - mapping.start)
    symbols = UserSymbols()
    assert symbols.resolve(child.pid, child.at["vdso"]).symbol is not None
    monkeypatch.setattr(ProcessMappings, "of", lambda pid: ProcessMappings([low]))
    symbols.remember(child.pid)
    assert symbols.resolve(child.pid, low.start + offset) == UserFrame(None, offset, "[vdso]")


def test_what_is_no_function_has_no_symbol(tmp_path: Path, start: Start) -> None:
    program = build(tmp_path / "program")
    child = start(program)
    symbols = UserSymbols()
    heap = child.at["heap"]
    assert symbols.resolve(child.pid, heap) == UserFrame(None, heap, None)
    assert symbols.resolve(child.pid, 0) == UserFrame(None, 0, None)
    assert symbols.resolve(child.pid, 2**64 - 1) == UserFrame(None, 2**64 - 1, None)
    assert symbols.resolve(child.pid, child.at["word"]).symbol is None


def test_a_remembered_process_resolves_after_its_end(tmp_path: Path, start: Start) -> None:
    program = build(tmp_path / "program")
    child = start(program)
    clock = Clock()
    symbols = UserSymbols(clock=clock)
    assert symbols.remember(child.pid)
    child.end()
    expected = UserFrame("target_function", 0, str(program))
    assert symbols.resolve(child.pid, child.at["function"]) == expected
    clock.now += 1000
    assert symbols.resolve(child.pid, child.at["function"]) == expected
    assert symbols.resolve(child.pid, 16) == UserFrame(None, 16, None)


def test_a_process_that_ended_before_anyone_asked_resolves_to_nothing(tmp_path: Path, start: Start) -> None:
    child = start(build(tmp_path / "program"))
    child.end()
    symbols = UserSymbols()
    assert not symbols.remember(child.pid)
    assert symbols.resolve(child.pid, child.at["function"]) == UserFrame(None, child.at["function"], None)


def test_a_process_that_waits_to_be_reaped_keeps_what_was_remembered(tmp_path: Path, start: Start) -> None:
    program = build(tmp_path / "program")
    child = start(program)
    clock = Clock()
    symbols = UserSymbols(clock=clock)
    symbols.remember(child.pid)
    os.kill(child.pid, signal.SIGKILL)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    clock.now += 1000
    assert not symbols.remember(child.pid)
    assert symbols.resolve(child.pid, child.at["function"]).symbol == "target_function"


def needs_map_files() -> None:
    start = next(iter(ProcessMappings.of(os.getpid())))
    try:
        os.stat(f"/proc/self/map_files/{start.start:x}-{start.end:x}")
    except PermissionError:
        pytest.skip("needs CAP_CHECKPOINT_RESTORE to follow /proc/PID/map_files")


def test_a_program_whose_file_was_deleted_resolves_running_and_ended(tmp_path: Path, start: Start) -> None:
    needs_map_files()
    program = build(tmp_path / "program")
    child = start(program)
    program.unlink()
    symbols = UserSymbols()
    expected = UserFrame("target_function", 0, str(program))
    assert UserSymbols().resolve(child.pid, child.at["function"]) == expected
    symbols.remember(child.pid)
    child.end()
    assert symbols.resolve(child.pid, child.at["function"]) == expected


def test_a_program_whose_file_was_replaced_does_not_get_the_new_ones_symbols(tmp_path: Path, start: Start) -> None:
    needs_map_files()
    program = build(tmp_path / "program", "-no-pie")
    child = start(program)
    build(tmp_path / "new", "-no-pie", function="another_function").replace(program)
    frame = UserSymbols().resolve(child.pid, child.at["function"])
    assert frame == UserFrame("target_function", 0, str(program))


def forbid_map_files(monkeypatch: pytest.MonkeyPatch) -> None:
    real_stat = os.stat

    def stat(path: Any, **options: Any) -> os.stat_result:
        if "/map_files/" in str(path):
            raise PermissionError(path)
        return real_stat(path, **options)

    monkeypatch.setattr(os, "stat", stat)


def test_a_replaced_file_that_cannot_be_reached_gives_no_symbol_rather_than_a_wrong_one(
    tmp_path: Path, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = build(tmp_path / "program", "-no-pie")
    other = build(tmp_path / "new", "-no-pie", function="another_function")
    child = start(program)
    maps = ProcessMappings.of(child.pid)
    other.replace(program)
    # As a process sees it that moved its file away: not deleted, but the path is another file's.
    replaced = ProcessMappings([replace(mapping, deleted=False) for mapping in maps])
    monkeypatch.setattr(ProcessMappings, "of", lambda pid: replaced)
    forbid_map_files(monkeypatch)
    frame = UserSymbols().resolve(child.pid, child.at["function"])
    assert (frame.symbol, frame.module) == (None, str(program))


def test_a_file_that_is_replaced_while_it_is_opened_lends_its_symbols_to_nobody(
    tmp_path: Path, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = build(tmp_path / "program", "-no-pie")
    other = build(tmp_path / "new", "-no-pie", function="another_function")
    child = start(program)
    monkeypatch.setattr("pybpftrace.core.binary.user_symbols.ElfFile", lambda path: ElfFile(str(other)))
    symbols = UserSymbols()
    assert symbols.resolve(child.pid, child.at["function"]).symbol is None
    monkeypatch.undo()
    child = start(program)
    assert symbols.resolve(child.pid, child.at["function"]).symbol == "target_function"


@pytest.mark.parametrize("permitted", [True, False], ids=["all of proc", "without map_files"])
def test_a_program_in_another_mount_namespace_resolves_running_and_ended(
    tmp_path: Path, start: Start, permitted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    build(tmp_path / "program")
    script = f"mount -t tmpfs none {inside} && cp {tmp_path}/program {inside}/program && exec {inside}/program"
    if shutil.which("unshare") is None or subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode:
        pytest.skip("needs permission to make a mount namespace")
    # A trap: a file of that path out here is another one.
    build(inside / "program", function="program_of_the_host")
    child = start("unshare", "-m", "sh", "-c", script)
    if not permitted:
        forbid_map_files(monkeypatch)
    symbols = UserSymbols()
    expected = UserFrame("target_function", 0, str(inside / "program"))
    assert UserSymbols().resolve(child.pid, child.at["function"]) == expected
    symbols.remember(child.pid)
    child.end()
    assert symbols.resolve(child.pid, child.at["function"]) == expected


def test_a_library_loaded_since_is_found_by_looking_again(tmp_path: Path, start: Start) -> None:
    library = build(tmp_path / "liblate.so", "-shared", "-fPIC", source=LIBRARY)
    child = start(build(tmp_path / "program", "-DWITH_DL"))
    clock = Clock()
    symbols = UserSymbols(clock=clock)
    symbols.remember(child.pid)
    address = child.say(str(library))["loaded"]
    clock.now += 0.1
    assert symbols.resolve(child.pid, address) == UserFrame("library_function", 0, str(library))


def test_bad_addresses_do_not_have_the_mappings_read_for_each(tmp_path: Path, start: Start) -> None:
    library = build(tmp_path / "liblate.so", "-shared", "-fPIC", source=LIBRARY)
    child = start(build(tmp_path / "program", "-DWITH_DL"))
    symbols = UserSymbols(clock=Clock())
    symbols.remember(child.pid)
    address = child.say(str(library))["loaded"]
    assert symbols.resolve(child.pid, address) == UserFrame(None, address, None), "in the same moment: not read again"


@pytest.fixture
def two_programs(tmp_path: Path) -> tuple[Path, Path]:
    """Linked to fixed addresses, so that the second's functions are where the first's are."""
    first = build(tmp_path / "first", "-no-pie", function="first_function")
    return first, build(tmp_path / "second", "-no-pie", function="second_function")


def test_a_new_program_in_the_process_replaces_the_old_one_when_it_is_remembered(
    two_programs: tuple[Path, Path], start: Start
) -> None:
    first, second = two_programs
    child = start(first, second)
    symbols = UserSymbols(clock=Clock())
    assert symbols.resolve(child.pid, child.at["function"]) == UserFrame("first_function", 0, str(first))
    address = child.say("go")["function"]
    assert symbols.remember(child.pid)
    assert symbols.resolve(child.pid, address) == UserFrame("second_function", 0, str(second))


def test_a_new_program_in_the_process_is_noticed_within_a_second_by_itself(
    two_programs: tuple[Path, Path], start: Start
) -> None:
    first, second = two_programs
    child = start(first, second)
    clock = Clock()
    symbols = UserSymbols(clock=clock)
    symbols.remember(child.pid)
    address = child.say("go")["function"]
    assert address == child.at["function"], "else this test shows nothing"
    clock.now += 1.1
    assert symbols.resolve(child.pid, address) == UserFrame("second_function", 0, str(second))


def test_a_program_with_corrupt_sections_gives_only_its_module(tmp_path: Path, start: Start) -> None:
    program = build(tmp_path / "program")
    image = bytearray(program.read_bytes())
    image[60:62] = b"\xff\xff"  # e_shnum, which the kernel does not read
    program.write_bytes(image)
    child = start(program)
    found = ProcessMappings.of(child.pid).find(child.at["function"])
    assert found is not None
    assert UserSymbols().resolve(child.pid, child.at["function"]) == UserFrame(None, found[1], str(program))


def test_processes_of_one_program_share_its_symbols(tmp_path: Path, start: Start) -> None:
    program = build(tmp_path / "program")
    symbols = UserSymbols()
    for child in [start(program), start(program)]:
        assert symbols.resolve(child.pid, child.at["function"]).symbol == "target_function"
    assert len(symbols._binaries) == 1


def test_no_more_processes_than_a_bound_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pybpftrace.core.binary.user_symbols._MAX_PROCESSES", 2)
    sleepers = [subprocess.Popen(["sleep", "100"]) for _ in range(3)]
    try:
        symbols = UserSymbols()
        assert all(symbols.remember(sleeper.pid) for sleeper in sleepers)
        assert list(symbols._processes) == [sleepers[1].pid, sleepers[2].pid]
    finally:
        for sleeper in sleepers:
            sleeper.kill()
            sleeper.wait()
