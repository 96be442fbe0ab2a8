"""Captured targets: what a recording target keeps, how captures merge, and what a captured target answers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pybpftrace.core.target import Target, UserFunction
from pybpftrace.core.target.btf import Btf
from pybpftrace.core.target.btf_types import Enum, Fwd, Struct
from pybpftrace.core.target.capture import RecordingTarget

from .test_target_btf import Blob

FORMAT = """\
name: {event}
ID: 7
format:
\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;
\tfield:int value;\toffset:8;\tsize:4;\tsigned:1;

print fmt: "%d", REC->value
"""


def kernel_types() -> Btf:
    blob = Blob()
    blob.struct("unrelated", 4)
    blob.add("int", "int", 4, 0, 0, 1 << 24 | 32)
    blob.struct("task", 16, ("pid", 2, 0), ("mm", 4, 64))
    blob.add("ptr", "", 5)
    blob.struct("mm", 8, ("owner", 6, 0), ("file", 7, 0))
    blob.add("ptr", "", 3)
    blob.add("ptr", "", 8)
    blob.struct("file", 8, ("flags", 2, 0))
    blob.struct("twin", 1)
    blob.struct("twin", 2)
    blob.add("enum", "", 4, 1, 0, blob.text("RUNNING"), 3)
    return Btf.parse(blob.build())


class Machine(Target):
    """A machine made up for the test."""

    architecture = "x86_64"
    kernel_release = "6.18.0-test"
    possible_cpus = (0, 1, 2, 3)
    online_cpus = (0, 2)
    pid_namespace = (4, 4026531836)
    kernel_features = frozenset({"ringbuf", "loop"})

    kernel_build_id = ""
    btf = None

    def __init__(self, build_id: str = "abc") -> None:
        super().__init__("machine")
        self.kernel_build_id = build_id
        self.btf = kernel_types()

    def tracepoints(self) -> list[tuple[str, str]]:
        return [("sched", "sched_switch"), ("sched", "sched_wakeup")]

    def tracepoint_text(self, category: str, event: str) -> str | None:
        return FORMAT.format(event=event) if (category, event) in self.tracepoints() else None

    def user_function(self, path: str, symbol: str) -> UserFunction | None:
        if path == "/lib/libc.so.6" and symbol in ("malloc", "free"):
            return UserFunction(path, 0x1000, 64, 0x800)
        return None

    def user_functions(self, path: str) -> list[str]:
        return ["free", "malloc"]

    def resolve_binary(
        self, name: str, pid: int | None = None, *, any_file: bool = False, short_names: bool = True
    ) -> list[str]:
        return {"libc": ["/lib/libc.so.6"], "tool": ["/usr/bin/tool", "/bin/tool"]}.get(name, [])

    def cgroup_id(self, path: str) -> int:
        if path != "/sys/fs/cgroup/a":
            raise FileNotFoundError(path)
        return 77

    def has_kernel_symbol(self, name: str) -> bool:
        return name == "_text"


def look_at(target: Target, name: str) -> None:
    assert target.btf is not None and target.btf.find(name, {Struct})


def capture(target: Target, directory: Path) -> None:
    """Something of each kind."""
    recording = RecordingTarget(target)
    look_at(recording, "task")
    assert recording.tracepoint_text("sched", "sched_switch")
    assert recording.resolve_binary("libc") == ["/lib/libc.so.6"]
    assert recording.user_function("/lib/libc.so.6", "malloc")
    assert recording.cgroup_id("/sys/fs/cgroup/a") == 77
    assert recording.has_kernel_symbol("_text")
    recording.save(str(directory))


def content(directory: Path) -> dict[str, bytes]:
    return {str(file.relative_to(directory)): file.read_bytes() for file in directory.rglob("*") if file.is_file()}


def test_a_captured_target_answers_as_the_machine_did_for_what_was_asked(tmp_path: Path) -> None:
    recording = RecordingTarget(Machine())
    parsed = recording.tracepoint_format("sched", "sched_switch")
    recording.user_function("/lib/libc.so.6", "malloc")
    recording.resolve_binary("libc")
    recording.resolve_binary("tool")
    recording.cgroup_id("/sys/fs/cgroup/a")
    recording.has_kernel_symbol("_text")
    recording.save(str(tmp_path))

    target = Target.from_directory(str(tmp_path))
    assert target.name == f"directory:{tmp_path}"
    assert (target.architecture, target.kernel_release, target.kernel_build_id) == ("x86_64", "6.18.0-test", "abc")
    assert (target.possible_cpus, target.online_cpus) == ((0, 1, 2, 3), (0, 2))
    assert target.pid_namespace == (4, 4026531836)
    assert target.features == {"ringbuf", "loop"}
    assert target.tracepoint_format("sched", "sched_switch") == parsed
    assert target.user_function("/lib/libc.so.6", "malloc") == UserFunction("/lib/libc.so.6", 0x1000, 64, 0x800)
    assert target.resolve_binary("libc") == ["/lib/libc.so.6"]
    assert target.resolve_binary("tool") == ["/usr/bin/tool", "/bin/tool"]
    assert target.resolve_binary("/lib/libc.so.6") == ["/lib/libc.so.6"]
    assert target.cgroup_id("/sys/fs/cgroup/a") == 77
    assert target.has_kernel_symbol("_text")


def test_what_was_not_asked_for_is_not_there(tmp_path: Path) -> None:
    recording = RecordingTarget(Machine())
    recording.tracepoint_text("sched", "sched_switch")
    recording.user_function("/lib/libc.so.6", "malloc")
    recording.user_functions("/lib/libc.so.6")
    recording.tracepoints()
    recording.save(str(tmp_path))
    target = Target.from_directory(str(tmp_path))
    assert target.tracepoints() == [("sched", "sched_switch")]
    assert target.tracepoint_format("sched", "sched_wakeup") is None
    assert target.user_functions("/lib/libc.so.6") == ["malloc"]
    assert target.user_function("/lib/libc.so.6", "free") is None
    assert target.user_functions("/bin/other") == []
    assert target.resolve_binary("libc") == []
    assert not target.has_kernel_symbol("_text")
    with pytest.raises(FileNotFoundError):
        target.cgroup_id("/sys/fs/cgroup/a")


@pytest.mark.parametrize(("category", "event"), [("..", "x"), ("sched", ".."), ("a/b", "c"), ("", "x"), ("a", "b\0c")])
def test_a_tracepoint_name_cannot_lead_out_of_the_directory(tmp_path: Path, category: str, event: str) -> None:
    RecordingTarget(Machine()).save(str(tmp_path))
    assert Target.from_directory(str(tmp_path)).tracepoint_format(category, event) is None


def test_types_are_kept_with_what_one_pointer_leads_to_and_the_rest_is_declared(tmp_path: Path) -> None:
    recording = RecordingTarget(Machine())
    assert recording.btf is not None
    assert recording.btf.find("task", {Struct}) == 3
    recording.save(str(tmp_path))
    btf = Target.from_directory(str(tmp_path)).btf
    assert btf is not None
    assert btf.find("task", {Struct}) and btf.find("mm", {Struct})
    assert btf.find("file", {Fwd}) and not btf.find("file", {Struct})
    assert btf.find("unrelated", {Struct}) is None


def test_a_type_that_was_looked_at_behind_many_pointers_is_kept_whole(tmp_path: Path) -> None:
    recording = RecordingTarget(Machine())
    assert recording.btf is not None
    recording.btf.find("task", {Struct})
    recording.btf.type(8)
    recording.save(str(tmp_path))
    btf = Target.from_directory(str(tmp_path)).btf
    assert btf is not None
    assert btf.find("file", {Struct}) and not btf.find("file", {Fwd})


def test_the_second_type_of_a_name_and_the_nameless_enum_of_a_constant_are_kept(tmp_path: Path) -> None:
    recording = RecordingTarget(Machine())
    assert recording.btf is not None
    recording.btf.type(10)
    assert recording.btf.find_constant("RUNNING") == (11, 3)
    recording.save(str(tmp_path))
    btf = Target.from_directory(str(tmp_path)).btf
    assert btf is not None
    assert [btf.size_of(type_id) for type_id in btf.find_all("twin", {Struct})] == [2]
    found = btf.find_constant("RUNNING")
    assert found is not None and isinstance(btf.type(found[0]), Enum) and found[1] == 3
    assert json.loads((tmp_path / "target.json").read_text())["types"] == ["constant RUNNING", "struct twin#2"]


def test_saving_again_adds_to_what_is_there_in_either_order(tmp_path: Path) -> None:
    def first(target: RecordingTarget) -> None:
        target.tracepoint_text("sched", "sched_switch")
        target.user_function("/lib/libc.so.6", "malloc")
        look_at(target, "task")

    def second(target: RecordingTarget) -> None:
        target.tracepoint_text("sched", "sched_wakeup")
        target.user_function("/lib/libc.so.6", "free")
        look_at(target, "file")

    for name, steps in (("ab", (first, second)), ("ba", (second, first))):
        for step in steps:
            recording = RecordingTarget(Machine())
            step(recording)
            recording.save(str(tmp_path / name))
    assert content(tmp_path / "ab") == content(tmp_path / "ba")
    target = Target.from_directory(str(tmp_path / "ab"))
    assert target.tracepoints() == [("sched", "sched_switch"), ("sched", "sched_wakeup")]
    assert target.user_functions("/lib/libc.so.6") == ["free", "malloc"]
    assert target.btf is not None and target.btf.find("task", {Struct}) and target.btf.find("file", {Struct})


def test_saving_the_same_again_changes_no_file(tmp_path: Path) -> None:
    def save() -> dict[str, int]:
        capture(Machine(), tmp_path)
        return {name: (tmp_path / name).stat().st_mtime_ns for name in content(tmp_path)}

    assert save() == save()


def test_a_captured_target_can_be_captured_again_and_gives_the_same_files(tmp_path: Path) -> None:
    capture(Machine(), tmp_path / "one")
    capture(Target.from_directory(str(tmp_path / "one")), tmp_path / "two")
    assert content(tmp_path / "one") == content(tmp_path / "two")


def test_one_directory_holds_one_kernel(tmp_path: Path) -> None:
    RecordingTarget(Machine("abc")).save(str(tmp_path))
    with pytest.raises(ValueError, match="one directory is one kernel"):
        RecordingTarget(Machine("def")).save(str(tmp_path))


def test_target_json_is_indented_and_sorted(tmp_path: Path) -> None:
    RecordingTarget(Machine()).save(str(tmp_path))
    text = (tmp_path / "target.json").read_text()
    assert text == json.dumps(json.loads(text), indent=1, sort_keys=True) + "\n"
    assert text.count("\n") > 10


@pytest.mark.parametrize("text", ["[]", '{"unknown": 1}', '{"features": {}}', "{"])
def test_a_directory_with_a_malformed_target_file_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "target.json").write_text(text)
    with pytest.raises(ValueError):
        Target.from_directory(str(tmp_path))


def test_a_directory_without_btf_is_a_kernel_without_btf(tmp_path: Path) -> None:
    RecordingTarget(Machine()).save(str(tmp_path))
    (tmp_path / "btf").unlink()
    assert Target.from_directory(str(tmp_path)).btf is None
