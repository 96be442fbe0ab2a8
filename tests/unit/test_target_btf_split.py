"""Split BTF, which modules have: types and strings that go on from the kernel's."""

from __future__ import annotations

from pathlib import Path

import pytest
from pybpftrace.core.target import Target
from pybpftrace.core.target.btf import Btf
from pybpftrace.core.target.btf_c_types import BtfCTypes
from pybpftrace.core.target.btf_split import SplitBtf
from pybpftrace.core.target.btf_types import BtfError, Enum, Member, Struct, Typedef
from pybpftrace.core.target.capture import RecordingTarget
from pybpftrace.core.target.dependency import Dependency, still_holds
from pybpftrace.core.target.live_modules import module_btf
from pybpftrace.core.types import Struct as StructType

from .split_blob import SplitBlob
from .test_target_directory import Machine, kernel_types


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    cache = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    return cache


def module_blob(base: Btf) -> bytes:
    """`struct probe_data`, which holds the kernel's `struct task` and points to its `struct mm`; `enum mode`."""
    blob = SplitBlob(base)
    pointer = blob.add("ptr", "", base.find("mm", {Struct}) or 0)
    data = blob.struct("probe_data", 32, ("pid", 2, 0), ("task", 3, 64), ("mm", pointer, 192))
    blob.add("typedef", "probe_data_t", data)
    blob.add("enum", "mode", 4, 1, 0, blob.text("MODE_ON"), 1)
    return blob.build()


class MachineWithModules(Machine):
    def module_btf(self) -> list[tuple[str, Btf]]:
        return [("probe", SplitBtf(module_blob(self.btf), self.btf)), ("unused", SplitBtf(empty(self.btf), self.btf))]


def empty(base: Btf) -> bytes:
    return SplitBlob(base).build()


def test_ids_and_strings_go_on_from_the_kernels() -> None:
    base = kernel_types()
    module = SplitBtf(module_blob(base), base)
    first = len(base) + 1
    assert module.type(first + 1) == Struct(
        "probe_data", 32, (Member("pid", 2, 0, 0), Member("task", 3, 64, 0), Member("mm", first, 192, 0))
    )
    assert module.type(3) == base.type(3)
    assert len(module) == first + 3
    assert module.size_of(first + 2) == 32
    with pytest.raises(BtfError):
        module.type(len(module) + 1)


def test_only_the_modules_own_types_are_found() -> None:
    base = kernel_types()
    module = SplitBtf(module_blob(base), base)
    assert module.find("probe_data", {Struct}) == len(base) + 2
    assert module.find("probe_data_t", {Typedef}) == len(base) + 3
    assert module.find("task", {Struct}) is None
    assert module.find_constant("MODE_ON") == (module.find("mode", {Enum}), 1)
    assert module.find_constant("RUNNING") is None


def test_a_type_is_found_whose_name_is_among_the_kernels_strings() -> None:
    base = kernel_types()
    blob = SplitBlob(base)
    blob.struct("pid", 4, ("flags", 2, 0))
    assert blob.strings == b""
    module = SplitBtf(blob.build(), base)
    assert module.find("pid", {Struct}) == len(base) + 1


def test_a_module_that_cannot_have_a_name_is_not_walked() -> None:
    base = kernel_types()
    module = SplitBtf(module_blob(base), base)
    assert module.find("nowhere", {Struct}) is None
    assert "index" not in vars(module)


def test_a_module_that_has_no_type_of_a_name_of_the_kernels_is_not_walked() -> None:
    """Most names that are asked for are the kernel's own: two hundred modules are not walked for one of those."""
    base = kernel_types()
    module = SplitBtf(module_blob(base), base)
    assert module.find("twin", {Struct}) is None
    assert "index" not in vars(module)


def test_a_module_without_types_is_well_formed() -> None:
    base = kernel_types()
    assert SplitBtf(empty(base), base).find("probe_data", {Struct}) is None


@pytest.mark.parametrize("cut", [0, 10, 23, 40, 90])
def test_a_cut_off_blob_is_an_error(cut: int) -> None:
    base = kernel_types()
    with pytest.raises(BtfError):
        SplitBtf(module_blob(base)[:cut], base).find("probe_data", {Struct})


def test_the_files_of_a_directory_are_modules_and_what_is_used_of_them_is_remembered(tmp_path: Path) -> None:
    machine = Machine()
    (tmp_path / "vmlinux").write_bytes(b"not looked at")
    (tmp_path / "probe").write_bytes(module_blob(machine.btf))
    (tmp_path / "another").write_bytes(empty(machine.btf))
    assert [name for name, _ in module_btf(machine, machine.btf, str(tmp_path))] == ["another", "probe"]
    types = BtfCTypes(lambda: machine.btf, lambda: (btf for _, btf in module_btf(machine, machine.btf, str(tmp_path))))
    assert types.named("struct", "nowhere") is None
    assert machine.dependencies == []
    assert types.named("struct", "probe_data") is not None
    (dependency,) = machine.dependencies
    assert (dependency.kind, dependency.key) == ("text", str(tmp_path / "probe"))
    assert still_holds(dependency)
    (tmp_path / "probe").write_bytes(empty(machine.btf))
    assert not still_holds(dependency)


def test_the_index_of_a_module_is_kept_until_the_module_or_the_kernel_is_another(
    tmp_path: Path, own_cache: Path
) -> None:
    file = tmp_path / "my_probe"

    def is_kept(machine: Machine) -> bool:
        ((_, module),) = module_btf(machine, machine.btf, str(tmp_path))
        assert module.find("probe_data", {Struct}) is not None
        assert (module.find("another", {Struct}) is not None) == (b"another" in file.read_bytes())
        return isinstance(module.index.names, memoryview)

    machine = Machine()
    file.write_bytes(module_blob(machine.btf))
    assert [is_kept(machine), is_kept(machine)] == [False, True]
    other = SplitBlob(machine.btf)
    other.struct("another", 8)
    other.struct("probe_data", 8)
    file.write_bytes(other.build())
    assert [is_kept(machine), is_kept(machine)] == [False, True]
    assert [is_kept(Machine("another kernel")), is_kept(Machine("another kernel"))] == [False, True]
    assert [path.stat().st_mode & 0o777 for path in (own_cache / "pybpftrace/modules").iterdir()] == [0o600]


def test_without_the_directory_there_are_no_modules(tmp_path: Path) -> None:
    assert list(module_btf(Machine(), kernel_types(), str(tmp_path / "none"))) == []


# Captured targets


def types_of(target: Target) -> BtfCTypes:
    return BtfCTypes(lambda: target.btf, lambda: (btf for _, btf in target.module_btf()))


def answers(types: BtfCTypes) -> list[object]:
    """What a script would ask: a struct of a module, the members of it and of the kernel structs in and behind it."""
    structs = [types.named("struct", "probe_data"), types.named("", "probe_data_t"), types.named("struct", "task")]
    structs += [StructType("struct mm", by_name=True), StructType("struct file", by_name=True)]
    members = [types.members(struct) for struct in structs if isinstance(struct, StructType)]
    return [*structs, *members, types.constant("MODE_ON"), types.constant("RUNNING")]


def test_a_captured_target_answers_for_modules_as_the_machine_did(tmp_path: Path) -> None:
    recording = RecordingTarget(MachineWithModules())
    expected = answers(types_of(recording))
    recording.save(str(tmp_path))
    assert None not in expected
    assert answers(types_of(Target.from_directory(str(tmp_path)))) == expected
    assert [path.name for path in (tmp_path / "modules").iterdir()] == ["probe"]


def test_a_second_capture_of_a_module_adds_to_the_first(tmp_path: Path) -> None:
    for ask in (lambda types: types.constant("MODE_ON"), lambda types: types.named("struct", "probe_data")):
        recording = RecordingTarget(MachineWithModules())
        ask(types_of(recording))
        recording.save(str(tmp_path))
    types = types_of(Target.from_directory(str(tmp_path)))
    assert types.constant("MODE_ON") is not None
    assert types.named("struct", "probe_data") is not None


def test_a_captured_module_is_a_file_that_the_result_depends_on(tmp_path: Path) -> None:
    recording = RecordingTarget(MachineWithModules())
    answers(types_of(recording))
    recording.save(str(tmp_path))
    target = Target.from_directory(str(tmp_path))
    assert types_of(target).named("struct", "probe_data") is not None
    assert ("file", str(tmp_path / "modules" / "probe")) in [(d.kind, d.key) for d in target.dependencies]


def test_a_recording_target_passes_on_what_is_to_be_remembered() -> None:
    machine = Machine()
    recording = RecordingTarget(machine)
    recording.remember(Dependency("text", "/there", None))
    assert recording.dependencies == machine.dependencies == [Dependency("text", "/there", None)]


def test_members_that_were_asked_for_are_in_the_captured_target(tmp_path: Path) -> None:
    recording = RecordingTarget(Machine())
    types = types_of(recording)
    task = types.named("struct", "task")
    assert isinstance(task, StructType)
    members = types.members(task)
    mm = types.members(StructType("struct mm", by_name=True))
    recording.save(str(tmp_path))
    captured = types_of(Target.from_directory(str(tmp_path)))
    assert captured.named("struct", "task") == task
    assert captured.members(task) == members is not None
    assert captured.members(StructType("struct mm", by_name=True)) == mm is not None
    assert captured.named("struct", "unrelated") is None
