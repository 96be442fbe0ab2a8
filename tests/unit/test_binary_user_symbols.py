from __future__ import annotations

import lzma
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
from pybpftrace.core.linux.mapping_records import Executed, Forked, Mapped, Record

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
    frame = UserSymbols([str(tmp_path / "none")]).resolve(child.pid, child.at["function"])
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
    symbols = UserSymbols([str(tmp_path / "debug")])
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
    symbols = UserSymbols([str(tmp_path / "debug")])
    assert symbols.resolve(child.pid, child.at["function"]).symbol is None


@needs_objcopy
@pytest.mark.parametrize("place", ["program.debug", ".debug/program.debug"])
def test_the_symbols_of_a_stripped_program_come_from_the_file_that_its_debug_link_names(
    tmp_path: Path, start: Start, place: str
) -> None:
    program, debug = build(tmp_path / "program", "-Wl,--build-id=none"), tmp_path / place
    debug.parent.mkdir(exist_ok=True)
    subprocess.run(["objcopy", "--only-keep-debug", program, debug], check=True)
    subprocess.run(["objcopy", "--strip-all", f"--add-gnu-debuglink={debug}", program], check=True)
    child = start(program)
    frame = UserSymbols().resolve(child.pid, child.at["function"] + 1)
    assert frame == UserFrame("target_function", 1, str(program))
    debug.write_bytes(debug.read_bytes() + b"\0")  # of another build, as its checksum says
    assert UserSymbols().resolve(child.pid, child.at["function"]).symbol is None


@needs_objcopy
def test_the_symbols_of_a_stripped_program_come_out_of_its_compressed_section(tmp_path: Path, start: Start) -> None:
    program, debug = build(tmp_path / "program"), tmp_path / "symbols"
    subprocess.run(["objcopy", "--only-keep-debug", program, debug], check=True)
    packed = tmp_path / "symbols.xz"
    packed.write_bytes(lzma.compress(debug.read_bytes()))
    subprocess.run(["objcopy", "--strip-all", f"--add-section=.gnu_debugdata={packed}", program], check=True)
    child = start(program)
    frame = UserSymbols().resolve(child.pid, child.at["function"] + 1)
    assert frame == UserFrame("target_function", 1, str(program))


@needs_objcopy
@pytest.mark.parametrize("content", [b"", b"nonsense", lzma.compress(b"no ELF"), lzma.compress(bytes(1 << 20))[:-60]])
def test_a_compressed_section_that_cannot_be_read_leaves_the_program_stripped(
    tmp_path: Path, start: Start, content: bytes
) -> None:
    program, packed = build(tmp_path / "program"), tmp_path / "symbols.xz"
    packed.write_bytes(content)
    subprocess.run(["objcopy", "--strip-all", f"--add-section=.gnu_debugdata={packed}", program], check=True)
    child = start(program)
    assert UserSymbols().resolve(child.pid, child.at["function"]).symbol is None


JIT = r"""
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>
int main(void)
{
    char line[100];
    void *code = mmap(0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    printf("code %p\nend 0\n", code);
    fflush(stdout);
    return !fgets(line, sizeof line, stdin);
}
"""


@pytest.fixture
def compiles_itself(tmp_path: Path, start: Start) -> Iterator[tuple[Child, Path]]:
    """A process with code of its own, and the list of it that it might write."""
    child = start(build(tmp_path / "program", source=JIT))
    listed = Path(f"/tmp/perf-{child.pid}.map")
    yield child, listed
    listed.unlink(missing_ok=True)


def test_code_that_a_process_has_compiled_itself_is_named_by_its_list_running_and_ended(
    compiles_itself: tuple[Child, Path]
) -> None:
    child, listed = compiles_itself
    at, symbols = child.at["code"], UserSymbols()
    assert symbols.resolve(child.pid, at) == UserFrame(None, at, None)
    listed.write_text(f"{at:x} 20 js:run\n")
    assert symbols.resolve(child.pid, at + 4) == UserFrame("js:run", 4, str(listed))
    child.end()
    with listed.open("a") as file:
        file.write(f"{at + 32:x} 20 js:late\n")
    assert symbols.resolve(child.pid, at + 33) == UserFrame("js:late", 1, str(listed))


def test_a_list_that_is_not_the_processs_own_file_is_not_read(
    compiles_itself: tuple[Child, Path], tmp_path: Path
) -> None:
    child, listed = compiles_itself
    elsewhere = tmp_path / "list"
    elsewhere.write_text(f"{child.at['code']:x} 20 js:run\n")
    listed.symlink_to(elsewhere)
    assert UserSymbols().resolve(child.pid, child.at["code"]).symbol is None


def test_the_list_of_a_process_in_namespaces_of_its_own_has_its_number_there(tmp_path: Path, start: Start) -> None:
    if subprocess.run(["unshare", "-m", "-p", "-f", "true"], capture_output=True).returncode:
        pytest.skip("needs permission to make namespaces")
    build(tmp_path / "program", source=JIT)
    # The shell is number 1 in there, and the program, which it becomes, stays that.
    script = 'exec 8<"$0"; mount -t tmpfs none /tmp && cp /proc/self/fd/8 /tmp/program && exec /tmp/program'
    child = start("unshare", "-m", "-p", "-f", "sh", "-c", script, tmp_path / "program")
    (inner,) = map(int, Path(f"/proc/{child.pid}/task/{child.pid}/children").read_text().split())
    at = child.at["code"]
    Path(f"/proc/{inner}/root/tmp/perf-1.map").write_text(f"{at:x} 20 js:run\n")
    symbols = UserSymbols()
    assert symbols.resolve(inner, at + 1) == UserFrame("js:run", 1, "/tmp/perf-1.map")
    os.kill(inner, signal.SIGKILL)
    child.process.wait()
    assert symbols.resolve(inner, at + 2) == UserFrame("js:run", 2, "/tmp/perf-1.map")


CPP = """
namespace ns { template<class T> struct K { static int meth(int, const char *); };
template<class T> __attribute__((noinline)) int K<T>::meth(int x, const char *s) { return x + (s != 0); } }
"""


@pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++")
@pytest.mark.parametrize(("demangles", "name"), [(True, "ns::K<int>::meth(int, char const*)"),
                                                 (False, "_ZN2ns1KIiE4methEiPKc")])  # fmt: skip
def test_cpp_names_have_their_parameters_unless_they_are_left_mangled(
    tmp_path: Path, start: Start, demangles: bool, name: str
) -> None:
    source = tmp_path / "program.cc"
    source.write_text(
        CPP + "#include <cstdio>\nint main() { printf(\"function %p\\nend 0\\n\", (void *)ns::K<int>::meth);"
        " fflush(stdout); getchar(); }"
    )
    subprocess.run(["g++", "-O1", "-w", "-o", tmp_path / "program", source], check=True)
    child = start(tmp_path / "program")
    assert UserSymbols(demangles=demangles).resolve(child.pid, child.at["function"]).symbol == name


def test_where_nothing_is_to_be_remembered_a_process_that_ended_resolves_to_nothing(
    tmp_path: Path, start: Start
) -> None:
    child = start(build(tmp_path / "program"))
    symbols = UserSymbols(remembers=False)
    assert symbols.resolve(child.pid, child.at["function"]).symbol == "target_function"
    child.end()
    assert symbols.resolve(child.pid, child.at["function"]) == UserFrame(None, child.at["function"], None)


def test_binaries_are_read_when_a_process_is_remembered_where_that_is_not_left_to_the_first_address(
    tmp_path: Path, start: Start
) -> None:
    program = build(tmp_path / "program")
    child = start(program)
    lazy, eager = UserSymbols(), UserSymbols(is_lazy=False)
    lazy.remember(child.pid)
    eager.remember(child.pid)
    child.end()
    program.unlink()
    assert lazy.resolve(child.pid, child.at["function"]).symbol is None
    assert eager.resolve(child.pid, child.at["function"]).symbol == "target_function"


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
    monkeypatch.setattr("pybpftrace.core.binary.mapped_binaries.ElfFile", lambda path: ElfFile(str(other)))
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


def told(child: Child) -> list[Record]:
    """What the kernel tells of the mappings that a child has now."""
    return [
        Mapped(child.pid, m.start, m.end - m.start, m.offset, m.device, m.inode, os.fsencode(m.path) or b"//anon")
        for m in ProcessMappings.of(child.pid)
        if m.executable
    ]


def test_a_process_that_ended_before_anybody_looked_resolves_by_what_the_kernel_told_of_it(
    tmp_path: Path, start: Start
) -> None:
    program = build(tmp_path / "program")
    child = start(program)
    records = told(child)
    child.end()
    symbols = UserSymbols()
    symbols.news = lambda: [Executed(child.pid), *records]
    assert symbols.resolve(child.pid, child.at["function"] + 1) == UserFrame("target_function", 1, str(program))
    assert symbols.resolve(child.pid, child.at["heap"]) == UserFrame(None, child.at["heap"], None)


def test_a_program_that_was_started_and_ended_unheard_is_not_taken_for_the_one_before(
    tmp_path: Path, start: Start
) -> None:
    child = start(build(tmp_path / "program"))
    records = told(child)
    mapped = [record for record in records if isinstance(record, Mapped)]
    child.end()
    symbols = UserSymbols()
    # Without ASLR the process that it is a copy of has its own file at the same place.
    other = shutil.copy("/bin/true", tmp_path / "other")
    symbols.hear([replace(record, inode=os.stat(other).st_ino, path=os.fsencode(other)) for record in mapped])
    symbols.news = lambda: [Executed(child.pid), *records]
    assert symbols.resolve(child.pid, child.at["function"]).symbol == "target_function"


def test_a_program_that_was_started_since_has_nothing_of_the_one_before(tmp_path: Path, start: Start) -> None:
    child = start(build(tmp_path / "program"))
    symbols = UserSymbols()
    symbols.hear(told(child))
    child.end()
    assert symbols.resolve(child.pid, child.at["function"]).symbol == "target_function"
    symbols.hear([Executed(child.pid)])
    assert symbols.resolve(child.pid, child.at["function"]).symbol is None


def test_a_fork_has_what_its_parent_had_mapped(tmp_path: Path, start: Start) -> None:
    child = start(build(tmp_path / "program"))
    symbols, number = UserSymbols(), 1 << 30
    symbols.hear([*told(child), Forked(number, child.pid), Forked(number + 1, number + 2)])
    assert symbols.resolve(number, child.at["function"]).symbol == "target_function"
    assert symbols.resolve(number + 1, child.at["function"]).symbol is None


def test_what_was_mapped_last_is_what_an_address_means(two_programs: tuple[Path, Path], start: Start) -> None:
    first, second = (start(program) for program in two_programs)
    symbols = UserSymbols()
    symbols.hear(told(first))
    symbols.hear([replace(record, pid=first.pid) for record in told(second)])  # type: ignore[type-var]  # all have one
    first.end()
    assert symbols.resolve(first.pid, first.at["function"]).symbol == "second_function"


def test_no_more_mappings_than_a_bound_are_noted_of_a_process_that_ended() -> None:
    symbols = UserSymbols()
    symbols.hear([Mapped(1 << 30, at << 12, 4096, 0, 1, 2, b"//anon") for at in range(2000)])
    assert len(symbols._processes[1 << 30].noted) <= 256


def test_what_a_process_has_mapped_as_code_names_its_functions_after_it_ended(tmp_path: Path, start: Start) -> None:
    child = start(build(tmp_path / "program"))
    symbols = UserSymbols()
    symbols.remember_code(child.pid)
    child.end()
    assert symbols.resolve(child.pid, child.at["function"]).symbol == "target_function"
    assert symbols.resolve(child.pid, child.at["word"]) == UserFrame(None, child.at["word"], None)
    symbols.remember_code(1 << 30)
    assert symbols.resolve(1 << 30, 8).symbol is None
