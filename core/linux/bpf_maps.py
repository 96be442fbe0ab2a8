"""BPF maps: creating them, and reading and changing what is in them, one entry or a batch at a time.

Keys and values are bytes in the machine's order; what they mean is the caller's knowledge.
"""

from __future__ import annotations

import ctypes
import errno
import struct
from collections.abc import Iterator
from itertools import islice

from . import machine
from .bpf_call import bpf, object_name, pack
from .bpf_constants import PER_CPU_MAP_TYPES, Command, UpdateFlag
from .errors import ENOTSUPP, KernelError
from .syscalls import address_of

# Parts of union bpf_attr, in the order of include/uapi/linux/bpf.h.
#: map_type, key_size, value_size, max_entries, map_flags, inner_map_fd, numa_node, map_name
_MAP_CREATE = "=7I16s"
#: map_fd, key, value or next_key, flags
_ELEMENT = "=I4xQQQ"
_ELEMENT_KEY = 8
#: in_batch, out_batch, keys, values, count, map_fd, elem_flags, flags
_BATCH = "=QQQQIIQQ"
_BATCH_COUNT = 32

#: Keys and values of one batch take about this many bytes.
_BATCH_BYTES = 1 << 20
#: An old kernel does not know the command (EINVAL); a newer one knows it, but not for every map type.
_NO_BATCH = (errno.EINVAL, ENOTSUPP)


def create_map(map_type: int, key_size: int, value_size: int, max_entries: int, flags: int = 0, name: str = "") -> int:
    """A new map's fd. Sizes are bytes; a ring buffer has no key and value, and max_entries bytes.

    The kernel's own copy of the name has other characters than letters, digits, '_' and '.' replaced, and is cut.
    Raises: KernelError.
    """
    attributes = pack(_MAP_CREATE, map_type, key_size, value_size, max_entries, flags, 0, 0, object_name(name))
    return bpf(Command.MAP_CREATE, attributes, f"map '{name}'" if name else "a map")


def copied_size(map_type: int, value_size: int) -> int:
    """Bytes that the kernel copies for one value: per-CPU maps give round_up(value_size, 8) for every possible CPU."""
    if map_type in PER_CPU_MAP_TYPES:
        return (value_size + 7 & ~7) * len(machine.possible_cpus())
    return value_size


def lookup(fd: int, key: bytes, value_size: int) -> bytes | None:
    """The value of a key, None when there is no such key. `value_size` is `copied_size`. Raises KernelError."""
    value = ctypes.create_string_buffer(value_size)
    attributes = pack(_ELEMENT, fd, address_of(key), ctypes.addressof(value), 0)
    try:
        bpf(Command.MAP_LOOKUP_ELEM, attributes, _subject(fd))
    except KernelError as error:
        if error.errno == errno.ENOENT:
            return None
        raise
    return value.raw


def update(fd: int, key: bytes, value: bytes, flags: int = 0) -> None:
    """Sets a key's value; `flags` is an UpdateFlag. A per-CPU value is `copied_size` bytes. Raises KernelError."""
    bpf(Command.MAP_UPDATE_ELEM, pack(_ELEMENT, fd, address_of(key), address_of(value), flags), _subject(fd))


def delete(fd: int, key: bytes) -> bool:
    """Removes a key; False when it was not there. Raises KernelError, for one on an array, which keeps all its keys."""
    try:
        bpf(Command.MAP_DELETE_ELEM, pack(_ELEMENT, fd, address_of(key), 0, 0), _subject(fd))
    except KernelError as error:
        if error.errno == errno.ENOENT:
            return False
        raise
    return True


def next_key(fd: int, key: bytes | None, key_size: int) -> bytes | None:
    """The key after `key` in the kernel's order, None after the last one.

    The first key is after None, and also after a key that has been deleted meanwhile. Raises KernelError.
    """
    following = ctypes.create_string_buffer(key_size)
    attributes = pack(_ELEMENT, fd, address_of(key or b""), ctypes.addressof(following), 0)
    try:
        bpf(Command.MAP_GET_NEXT_KEY, attributes, _subject(fd))
    except KernelError as error:
        if error.errno == errno.ENOENT:
            return None
        raise
    return following.raw


def read_batches(
    fd: int, key_size: int, value_size_padded: int, max_entries: int, batch_size: int | None = None
) -> Iterator[tuple[int, bytes, bytes]]:
    """All entries, some at a time, in the kernel's order, while programs may be changing the map: how many, and their
    keys and their values joined.

    `value_size_padded` is `copied_size`; a per-CPU value is cut by the caller into round_up(value_size, 8) bytes a CPU.
    `batch_size` is the number of entries to ask for at first. Entries added or removed meanwhile may be missed; none
    comes twice: a hash gives all of a bucket at once, under the bucket's lock, and goes by the buckets' numbers, which
    deletions do not change (kernel/bpf/hashtab.c). Raises: KernelError.
    """
    count = batch_size or max(16, min(max_entries, _BATCH_BYTES // (key_size + value_size_padded)))
    # The kernel's place in the map: a u32 for hashes (the bucket), a key for others.
    place = ctypes.create_string_buffer(max(4, key_size))
    started, size = False, 0
    while True:
        if size != count:
            size = count
            keys = ctypes.create_string_buffer(size * key_size)
            values = ctypes.create_string_buffer(size * value_size_padded)
        here = ctypes.addressof(place)
        buffers = here if started else 0, here, ctypes.addressof(keys), ctypes.addressof(values)
        attributes = pack(_BATCH, *buffers, count, fd, 0, 0)
        finished = False
        try:
            bpf(Command.MAP_LOOKUP_BATCH, attributes, _subject(fd))
        except KernelError as error:
            if error.errno in _NO_BATCH and not started:
                yield from _read_one_by_one(fd, key_size, value_size_padded, max_entries, count)
                return
            if error.errno == errno.ENOSPC:  # a hash bucket holds more entries than we asked for: nothing was copied
                count *= 2
                continue
            # EINTR: the kernel gave up on a key that vanished under it; what it copied so far is good.
            if error.errno not in (errno.ENOENT, errno.EINTR):
                raise
            finished = error.errno == errno.ENOENT
        (copied,) = struct.unpack_from("=I", attributes, _BATCH_COUNT)
        if copied:
            found_keys = ctypes.string_at(keys, copied * key_size)
            yield copied, found_keys, ctypes.string_at(values, copied * value_size_padded)
        if finished:
            return
        started = started or copied > 0


def _read_one_by_one(
    fd: int, key_size: int, value_size: int, max_entries: int, batch_size: int
) -> Iterator[tuple[int, bytes, bytes]]:
    """Collects the keys first: a walk that loses its key to a deletion starts again, so max_entries bounds it."""
    keys: dict[bytes, None] = {}
    key = next_key(fd, None, key_size)
    for _ in range(max_entries):
        if key is None:
            break
        keys[key] = None
        key = next_key(fd, key, key_size)
    looked_up = ((key, lookup(fd, key, value_size)) for key in keys)
    found = ((key, value) for key, value in looked_up if value is not None)
    while batch := list(islice(found, batch_size)):
        yield len(batch), b"".join(key for key, _ in batch), b"".join(value for _, value in batch)


def delete_batch(fd: int, keys: bytes, key_size: int) -> None:
    """Removes keys, which are joined; those that are gone already do not matter. Raises KernelError."""
    done, total = 0, len(keys) // key_size
    while done < total:
        attributes = pack(_BATCH, 0, 0, address_of(keys) + done * key_size, 0, total - done, fd, 0, 0)
        try:
            bpf(Command.MAP_DELETE_BATCH, attributes, _subject(fd))
            return
        except KernelError as error:
            if error.errno not in (*_NO_BATCH, errno.ENOENT):
                raise
            is_gone = error.errno == errno.ENOENT
        # The kernel stopped at a key that is not there. One by one over that key, then on in a batch.
        done += struct.unpack_from("=I", attributes, _BATCH_COUNT)[0] if is_gone else 0
        end = done + 1 if is_gone else total
        for at in range(done, end):
            delete(fd, keys[at * key_size : (at + 1) * key_size])
        done = end


def zero_batch(fd: int, keys: bytes, key_size: int, value_size_padded: int) -> None:
    """Makes the values of keys, which are joined, zeros; those that are gone already stay gone. Raises KernelError.

    One key at a time: a batch cannot be told to leave out keys that are gone.
    """
    zeros = bytes(value_size_padded)
    first = address_of(keys)
    attributes = pack(_ELEMENT, fd, first, address_of(zeros), UpdateFlag.EXIST)
    for address in range(first, first + len(keys), key_size):
        struct.pack_into("=Q", attributes, _ELEMENT_KEY, address)
        try:
            bpf(Command.MAP_UPDATE_ELEM, attributes, _subject(fd))
        except KernelError as error:
            if error.errno != errno.ENOENT:  # a program deleted the key meanwhile
                raise


def freeze(fd: int) -> None:
    """Makes the map read-only for system calls, for good; programs still write to it. Raises KernelError."""
    bpf(Command.MAP_FREEZE, pack("=I", fd), _subject(fd))


def _subject(fd: int) -> str:
    return f"map fd {fd}"
