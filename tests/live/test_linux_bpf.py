"""bpf(2) and the ring buffer on the running kernel, with programs assembled by hand."""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pybpftrace.core.linux import bpf, bpf_maps, machine
from pybpftrace.core.linux.bpf import MapType, ProgramType
from pybpftrace.core.linux.bpf_call import Attributes
from pybpftrace.core.linux.bpf_call import bpf as call_bpf
from pybpftrace.core.linux.errors import KernelError, VerifierError
from pybpftrace.core.linux.ringbuf import RingBuffer

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(machine.missing_capability() is not None, reason="needs root and a kernel that permits BPF"),
]

PAGE = os.sysconf("SC_PAGESIZE")
RETURN_0 = struct.pack("=BBhi", 0xB7, 0, 0, 0) + struct.pack("=BBhi", 0x95, 0, 0, 0)
EXIT_WITHOUT_VALUE = struct.pack("=BBhi", 0x95, 0, 0, 0)


def instruction(opcode: int, dst: int = 0, src: int = 0, offset: int = 0, immediate: int = 0) -> bytes:
    return struct.pack("=BBhi", opcode, src << 4 | dst, offset, immediate)


def load_map(register: int, fd: int) -> bytes:
    return instruction(0x18, register, bpf.PSEUDO_MAP_FD, 0, fd) + instruction(0)


def send_first_argument(ring: int) -> bytes:
    """Sends the u64 at the context's beginning with bpf_ringbuf_output (helper 130) and returns what that returns."""
    return b"".join(
        (
            instruction(0x79, 1, 1),  # r1 = *(u64 *)(r1 + 0)
            instruction(0x7B, 10, 1, -8),  # *(u64 *)(r10 - 8) = r1
            load_map(1, ring),
            instruction(0xBF, 2, 10),  # r2 = r10
            instruction(0x07, 2, 0, 0, -8),  # r2 += -8
            instruction(0xB7, 3, 0, 0, 8),  # r3 = 8
            instruction(0xB7, 4),  # r4 = 0
            instruction(0x85, immediate=130),
            instruction(0x95),
        )
    )


Keep = Callable[[int], int]


@pytest.fixture
def keep() -> Iterator[Keep]:
    """Closes the fds that it was given, at the end of the test."""
    fds: list[int] = []

    def remember(fd: int) -> int:
        fds.append(fd)
        return fd

    yield remember
    for fd in fds:
        os.close(fd)


@pytest.mark.parametrize(
    ("kind", "key_size", "value_size", "entries", "flags"),
    [
        (MapType.HASH, 8, 24, 100, bpf.MapFlag.NO_PREALLOC),
        (MapType.ARRAY, 4, 8, 10, bpf.MapFlag.MMAPABLE),
        (MapType.PROG_ARRAY, 4, 4, 10, 0),
        (MapType.PERF_EVENT_ARRAY, 4, 4, 2, 0),
        (MapType.PERCPU_HASH, 8, 8, 10, 0),
        (MapType.PERCPU_ARRAY, 4, 8, 10, 0),
        (MapType.STACK_TRACE, 4, 8 * 127, 10, 0),
        (MapType.CGROUP_ARRAY, 4, 4, 1, 0),
        (MapType.LRU_HASH, 8, 8, 100, 0),
        (MapType.LRU_PERCPU_HASH, 8, 8, 100, 0),
        (MapType.LPM_TRIE, 8, 8, 10, bpf.MapFlag.NO_PREALLOC),
        (MapType.QUEUE, 0, 8, 10, 0),
        (MapType.STACK, 0, 8, 10, 0),
        (MapType.RINGBUF, 0, 0, PAGE, 0),
        (MapType.BLOOM_FILTER, 0, 8, 10, 0),
    ],
)
def test_a_map_of_every_type_is_what_was_asked_for(
    keep: Keep, kind: MapType, key_size: int, value_size: int, entries: int, flags: int
) -> None:
    fd = keep(bpf.create_map(kind, key_size, value_size, entries, flags, name="@some"))
    info = bpf.object_info(fd)
    assert struct.unpack_from("=I4xIIII", info) == (kind, key_size, value_size, entries, flags)
    assert info[24:40].rstrip(b"\0") == b"_some"
    assert not os.get_inheritable(fd)


def test_a_map_that_is_impossible_is_an_error_that_names_it() -> None:
    with pytest.raises(KernelError, match=r"bpf\(BPF_MAP_CREATE\) of map '@bad': Invalid argument \(EINVAL\)"):
        bpf.create_map(MapType.HASH, 0, 8, 10, name="@bad")


@pytest.fixture
def table(keep: Keep) -> int:
    return keep(bpf.create_map(MapType.HASH, 8, 8, 10_000, name="@table"))


def u64(value: int) -> bytes:
    return struct.pack("=Q", value)


def test_a_value_is_found_after_it_was_set_and_gone_after_it_was_deleted(table: int) -> None:
    assert bpf.lookup(table, u64(1), 8) is None
    bpf.update(table, u64(1), u64(11))
    assert bpf.lookup(table, u64(1), 8) == u64(11)
    assert bpf.next_key(table, None, 8) == u64(1)
    assert bpf.next_key(table, u64(1), 8) is None
    assert bpf.delete(table, u64(1)) is True
    assert bpf.delete(table, u64(1)) is False


def test_a_new_key_can_be_asked_for(table: int) -> None:
    bpf.update(table, u64(1), u64(1), bpf.UpdateFlag.NOEXIST)
    with pytest.raises(KernelError, match="the map has that key already"):
        bpf.update(table, u64(1), u64(2), bpf.UpdateFlag.NOEXIST)


def test_a_full_map_says_that_it_is_full(keep: Keep) -> None:
    fd = keep(bpf.create_map(MapType.HASH, 8, 8, 1))
    bpf.update(fd, u64(1), u64(1))
    with pytest.raises(KernelError, match="the map is full"):
        bpf.update(fd, u64(2), u64(2))


def entries_of(
    fd: int, key_size: int, value_size: int, most: int, batch_size: int | None = None
) -> list[tuple[bytes, bytes]]:
    """The entries of all batches one by one."""
    found: list[tuple[bytes, bytes]] = []
    for count, keys, values in bpf.read_batches(fd, key_size, value_size, most, batch_size):
        assert (len(keys), len(values)) == (count * key_size, count * value_size)
        found += [
            (keys[at * key_size : (at + 1) * key_size], values[at * value_size : (at + 1) * value_size])
            for at in range(count)
        ]
    return found


def fill(fd: int, count: int) -> dict[bytes, bytes]:
    content = {u64(key): u64(key * 3) for key in range(count)}
    for key, value in content.items():
        bpf.update(fd, key, value)
    return content


@pytest.mark.parametrize("batch_size", [None, 1, 100, 20_000])
def test_ten_thousand_entries_are_each_read_once_whatever_the_batch(table: int, batch_size: int | None) -> None:
    content = fill(table, 10_000)
    entries = entries_of(table, 8, 8, 10_000, batch_size)
    assert len(entries) == 10_000
    assert dict(entries) == content


def test_an_empty_map_has_no_entries(table: int) -> None:
    assert entries_of(table, 8, 8, 10_000) == []


def test_a_per_cpu_value_is_one_value_for_every_possible_cpu(keep: Keep) -> None:
    cpus = len(machine.possible_cpus())
    fd = keep(bpf.create_map(MapType.PERCPU_HASH, 8, 4, 10))
    size = bpf.copied_size(MapType.PERCPU_HASH, 4)
    assert size == 8 * cpus
    value = b"".join(struct.pack("=I4x", 100 + cpu) for cpu in range(cpus))
    bpf.update(fd, u64(7), value)
    assert bpf.lookup(fd, u64(7), size) == value
    assert entries_of(fd, 8, size, 10) == [(u64(7), value)]


@pytest.mark.parametrize("kind", [MapType.ARRAY, MapType.PERCPU_ARRAY])
def test_an_array_has_all_its_keys(keep: Keep, kind: MapType) -> None:
    fd = keep(bpf.create_map(kind, 4, 12, 300))
    entries = entries_of(fd, 4, bpf.copied_size(kind, 12), 300, batch_size=64)
    assert entries == [(struct.pack("=I", index), bytes(bpf.copied_size(kind, 12))) for index in range(300)]


def test_a_map_without_batch_operations_is_read_one_by_one(keep: Keep) -> None:
    # A stack trace map has none; only a program can fill it, so it is empty here.
    fd = keep(bpf.create_map(MapType.STACK_TRACE, 4, 80, 16))
    assert entries_of(fd, 4, 80, 16) == []


def test_reading_one_by_one_gives_what_a_batch_gives(table: int, monkeypatch: pytest.MonkeyPatch) -> None:
    content = fill(table, 500)

    def without_batch(command: bpf.Command, attributes: Attributes, subject: str) -> int:
        if command in (bpf.Command.MAP_LOOKUP_BATCH, bpf.Command.MAP_DELETE_BATCH):
            raise KernelError(errno.EINVAL, "bpf(batch)", subject)
        return call_bpf(command, attributes, subject)

    monkeypatch.setattr(bpf_maps, "bpf", without_batch)
    entries = entries_of(table, 8, 8, 10_000)
    assert len(entries) == 500 and dict(entries) == content
    bpf.delete_batch(table, b"".join(content), 8)
    assert bpf.next_key(table, None, 8) is None


def test_deleting_all_keys_passes_over_those_that_are_gone(table: int) -> None:
    content = fill(table, 1000)
    for gone in (0, 500, 501, 999):
        bpf.delete(table, u64(gone))
    bpf.delete_batch(table, b"".join(content), 8)
    assert bpf.next_key(table, None, 8) is None


def test_a_frozen_map_cannot_be_changed(keep: Keep) -> None:
    fd = keep(bpf.create_map(MapType.ARRAY, 4, 8, 1))
    bpf.freeze(fd)
    with pytest.raises(KernelError, match="frozen or read-only"):
        bpf.update(fd, bytes(4), u64(1))


def test_a_program_of_two_instructions_is_accepted(keep: Keep) -> None:
    fd = keep(bpf.load_program(bpf.ProgramImage(ProgramType.RAW_TRACEPOINT, RETURN_0, name="return_0")))
    info = bpf.object_info(fd)
    assert struct.unpack_from("=I", info) == (ProgramType.RAW_TRACEPOINT,)
    assert info[64:80].rstrip(b"\0") == b"return_0"
    assert bpf.test_run(fd) == (0, 0)


def test_a_rejected_program_brings_the_verifier_s_log() -> None:
    with pytest.raises(VerifierError, match=r"of program 'broken': .*: the verifier rejected it$") as caught:
        bpf.load_program(bpf.ProgramImage(ProgramType.RAW_TRACEPOINT, EXIT_WITHOUT_VALUE, name="broken"))
    assert "R0 !read_ok" in caught.value.log
    assert caught.value.errno == errno.EACCES


def test_a_log_larger_than_its_first_buffer_is_whole() -> None:
    many = instruction(0xB7, 1) * 3000 + EXIT_WITHOUT_VALUE
    with pytest.raises(VerifierError) as caught:
        bpf.load_program(bpf.ProgramImage(ProgramType.RAW_TRACEPOINT, many), log_level=2, log_size=256)
    assert "\n0: (b7) r1 = 0" in caught.value.log
    assert "\n3000: (95) exit" in caught.value.log
    assert "R0 !read_ok" in caught.value.log


def test_the_log_of_a_success_can_be_had(keep: Keep) -> None:
    loaded = bpf.load_program_with_log(bpf.ProgramImage(ProgramType.RAW_TRACEPOINT, RETURN_0), log_level=2)
    keep(loaded.fd)
    assert "processed 2 insns" in loaded.log


def test_a_program_with_a_bad_map_fd_is_rejected_with_the_reason() -> None:
    with pytest.raises(VerifierError, match="EBADF") as caught:
        bpf.load_program(bpf.ProgramImage(ProgramType.RAW_TRACEPOINT, load_map(1, 9999) + RETURN_0))
    assert "9999" in caught.value.log


def btf_blob(kind: int) -> bytes:
    """One type: an int of 4 bytes, signed, when `kind` is BTF_KIND_INT (1)."""
    strings = b"\0int\0"
    types = struct.pack("=III", 1, kind << 24, 4) + struct.pack("=I", 1 << 24 | 32)
    return struct.pack("=HBBIIIII", 0xEB9F, 1, 0, 24, 0, len(types), len(types), len(strings)) + types + strings


def test_btf_is_loaded(keep: Keep) -> None:
    assert keep(bpf.load_btf(btf_blob(1))) > 0


def test_rejected_btf_brings_the_kernel_s_log() -> None:
    with pytest.raises(VerifierError) as caught:
        bpf.load_btf(btf_blob(31))
    assert "Invalid kind:31" in caught.value.log


def test_a_program_with_function_and_line_info_shows_the_line_in_the_log(keep: Keep) -> None:
    strings = b"\0main\0x.bt\0u64 the_line\0int\0"
    at = {name: strings.index(name.encode()) for name in ("main", "x.bt", "u64 the_line", "int")}
    types = b"".join(
        (
            struct.pack("=IIII", at["int"], 1 << 24, 4, 1 << 24 | 32),  # 1: int
            struct.pack("=III", 0, 13 << 24, 1),  # 2: int ()
            struct.pack("=III", at["main"], 12 << 24 | 1, 2),  # 3: global function main
        )
    )
    header = struct.pack("=HBBIIIII", 0xEB9F, 1, 0, 24, 0, len(types), len(types), len(strings))
    btf_fd = keep(bpf.load_btf(header + types + strings))
    with pytest.raises(VerifierError) as caught:
        bpf.load_program(
            bpf.ProgramImage(
                ProgramType.RAW_TRACEPOINT,
                EXIT_WITHOUT_VALUE,
                btf_fd=btf_fd,
                func_info=struct.pack("=II", 0, 3),
                line_info=struct.pack("=IIII", 0, at["x.bt"], at["u64 the_line"], 5 << 10 | 2),
            )
        )
    assert "the_line" in caught.value.log


def test_what_a_program_writes_to_a_ring_buffer_is_read(keep: Keep) -> None:
    ring_fd = keep(bpf.create_map(MapType.RINGBUF, 0, 0, PAGE, name="events"))
    program = keep(bpf.load_program(bpf.ProgramImage(ProgramType.RAW_TRACEPOINT, send_first_argument(ring_fd))))
    ring = RingBuffer(ring_fd, PAGE)
    assert ring.wait(0) is False
    for value in (11, 22, 33):
        assert bpf.test_run(program, ctx_in=u64(value)) == (0, 0)
    assert ring.wait(1000) is True
    assert ring.pending() == 3 * 16
    assert [bytes(data) for data in ring.take()] == [u64(11), u64(22), u64(33)]
    assert ring.wait(0) is False
    ring.close()


def test_a_ring_buffer_takes_records_again_after_it_was_full_and_read(keep: Keep) -> None:
    ring_fd = keep(bpf.create_map(MapType.RINGBUF, 0, 0, PAGE))
    program = keep(bpf.load_program(bpf.ProgramImage(ProgramType.RAW_TRACEPOINT, send_first_argument(ring_fd))))
    ring = RingBuffer(ring_fd, PAGE)
    sent: list[int] = []
    received: list[int] = []
    lost = 0
    for value in range(1000):
        returned, _ = bpf.test_run(program, ctx_in=u64(value))
        if returned:
            lost += 1
            received += [int.from_bytes(data, "little") for data in ring.take()]
        else:
            sent.append(value)
    received += [int.from_bytes(data, "little") for data in ring.take()]
    assert received == sent
    assert 0 < lost < 10
    ring.close()


def test_a_ring_buffer_of_another_size_is_refused(keep: Keep) -> None:
    ring_fd = keep(bpf.create_map(MapType.RINGBUF, 0, 0, PAGE))
    with pytest.raises(KernelError, match="mmap of ring buffer fd"):
        RingBuffer(ring_fd, 4 * PAGE)


def test_a_program_that_cannot_be_run_by_hand_says_so(keep: Keep) -> None:
    program = keep(bpf.load_program(bpf.ProgramImage(ProgramType.TRACEPOINT, RETURN_0)))
    with pytest.raises(KernelError, match="programs of this type cannot be run by hand"):
        bpf.test_run(program, ctx_in=u64(0))


def test_a_raw_tracepoint_is_linked_until_its_fd_is_closed(keep: Keep) -> None:
    program = keep(bpf.load_program(bpf.ProgramImage(ProgramType.RAW_TRACEPOINT, RETURN_0)))
    link = bpf.raw_tracepoint_open("sys_exit", program)
    link_type, _, program_id = struct.unpack_from("=III", bpf.object_info(link))
    assert (link_type, program_id) == (1, struct.unpack_from("=4xI", bpf.object_info(program))[0])
    os.close(link)


def test_a_raw_tracepoint_that_does_not_exist_says_so(keep: Keep) -> None:
    program = keep(bpf.load_program(bpf.ProgramImage(ProgramType.RAW_TRACEPOINT, RETURN_0)))
    with pytest.raises(KernelError, match=r"tracepoint 'no_such': .*the kernel has no such tracepoint"):
        bpf.raw_tracepoint_open("no_such", program)


def test_pinning_outside_a_bpf_file_system_is_refused(keep: Keep, tmp_path: Path) -> None:
    fd = keep(bpf.create_map(MapType.ARRAY, 4, 8, 1))
    with pytest.raises(KernelError, match=r"bpf\(BPF_OBJ_PIN\)"):
        bpf.pin(fd, str(tmp_path / "pin"))
