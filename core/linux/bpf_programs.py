"""BPF programs and their BTF: loading them, with the verifier's log when it says no, and running one by hand.

Loading asks for no log at first, because writing it takes the verifier longer than verifying. Instructions are bytes
that somebody else has made; nothing here reads them.
"""

from __future__ import annotations

import ctypes
import errno
import struct
from collections.abc import Callable

from ..frozen import dataclass
from .bpf_call import Attributes, bpf, object_name, pack
from .bpf_constants import TEST_RUN_ON_CPU, Command
from .errors import KernelError, VerifierError
from .syscalls import address_of

INSTRUCTION_SIZE = 8
#: struct bpf_func_info {u32 insn_off, type_id}
FUNC_INFO_SIZE = 8
#: struct bpf_line_info {u32 insn_off, file_name_off, line_off, line_col}
LINE_INFO_SIZE = 16

#: prog_type, insn_cnt, insns, license; log_level, log_size, log_buf; kern_version, prog_flags, prog_name; prog_ifindex,
#: expected_attach_type, prog_btf_fd, func_info_rec_size, func_info, func_info_cnt; line_info_rec_size, line_info,
#: line_info_cnt; attach_btf_id, attach_btf_obj_fd
_PROG_LOAD = "=IIQQ IIQ II16s IIIIQI IQI II4x"
#: btf, btf_log_buf, btf_size, btf_log_size, btf_log_level
_BTF_LOAD = "=QQIII4x"
#: prog_fd, retval, data_size_in, data_size_out, data_in, data_out, repeat, duration, ctx_size_in, ctx_size_out, ctx_in,
#: ctx_out, flags, cpu
_TEST_RUN = "=IIIIQQIIIIQQII"

LOG_SIZE = 64 << 10
#: The largest log that kernels before 6.4 accept (UINT_MAX >> 8).
MAX_LOG_SIZE = (16 << 20) - 1
#: Not the verifier's verdict: it would say the same again with a log.
_NO_VERDICT = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOSYS, errno.EAGAIN)
#: A load that a signal interrupted is to be tried again; libbpf also stops after five times.
_LOAD_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class ProgramImage:
    """What bpf(BPF_PROG_LOAD) takes. `func_info` and `line_info` are arrays of the kernel's structs and need `btf_fd`.

    `attach_btf_id` is the kernel BTF type that a tracing program attaches to, in the module BTF `attach_btf_obj_fd`
    when that is not 0.
    """

    prog_type: int
    insns: bytes
    license: str = "GPL"
    name: str = ""
    expected_attach_type: int = 0
    btf_fd: int = 0
    func_info: bytes = b""
    line_info: bytes = b""
    attach_btf_id: int = 0
    attach_btf_obj_fd: int = 0
    prog_flags: int = 0

    @property
    def subject(self) -> str:
        return f"program '{self.name}'" if self.name else "a program"


@dataclass(frozen=True, slots=True)
class LoadedProgram:
    fd: int
    log: str


def load_program(image: ProgramImage, log_level: int = 1, log_size: int = LOG_SIZE) -> int:
    """The fd of a program that the verifier accepted.

    No log is asked for unless the verifier rejects the program; it is then asked again at `log_level` (1, what happened
    on the way to the error; 2, everything), with a buffer that grows from `log_size` bytes to 16 MiB.

    Raises: VerifierError: rejected. KernelError: no permission, no memory, ...
    """
    try:
        return _load(image, 0, None)
    except KernelError as refusal:
        if refusal.errno in _NO_VERDICT:
            raise
        return _load_with_log(image, log_level, log_size, refusal).fd


def load_program_with_log(image: ProgramImage, log_level: int = 1, log_size: int = LOG_SIZE) -> LoadedProgram:
    """As load_program, but with the verifier's log of a success as well. `log_level` is 1, 2, or 4 (statistics only).

    Raises: VerifierError. KernelError.
    """
    return _load_with_log(image, log_level, log_size, None)


def _load_with_log(image: ProgramImage, level: int, size: int, refusal: KernelError | None) -> LoadedProgram:
    def attempt(log: Attributes) -> int:
        return _load(image, level, log)

    return LoadedProgram(*_with_growing_log(attempt, size, refusal))


def _load(image: ProgramImage, log_level: int, log: Attributes | None) -> int:
    license = image.license.encode() + b"\0"
    attributes = pack(
        _PROG_LOAD,
        *(image.prog_type, len(image.insns) // INSTRUCTION_SIZE, address_of(image.insns), address_of(license)),
        *(log_level, ctypes.sizeof(log) if log else 0, ctypes.addressof(log) if log else 0),
        *(0, image.prog_flags, object_name(image.name)),
        *(0, image.expected_attach_type, image.btf_fd),
        *_array(image.func_info, FUNC_INFO_SIZE),
        *_array(image.line_info, LINE_INFO_SIZE),
        *(image.attach_btf_id, image.attach_btf_obj_fd),
    )
    for _ in range(_LOAD_ATTEMPTS - 1):
        try:
            return bpf(Command.PROG_LOAD, attributes, image.subject)
        except KernelError as error:
            if error.errno != errno.EAGAIN:
                raise
    return bpf(Command.PROG_LOAD, attributes, image.subject)


def _array(data: bytes, record_size: int) -> tuple[int, int, int]:
    """(record size, address, number of records); all 0 when there are none."""
    return (record_size, address_of(data), len(data) // record_size) if data else (0, 0, 0)


def _with_growing_log(attempt: Callable[[Attributes], int], size: int, refusal: KernelError | None) -> tuple[int, str]:
    """(fd, log) of an attempt whose log fits in its buffer; ENOSPC is how the kernel says that it does not.

    `refusal` is how an attempt without a log failed. Raises: it, or the last attempt's own error, with the log.
    """
    while True:
        log = ctypes.create_string_buffer(size)
        try:
            return attempt(log), _text(log)
        except KernelError as error:
            if error.errno == errno.ENOSPC and size < MAX_LOG_SIZE:
                size = min(size * 8, MAX_LOG_SIZE)
                continue
            cause = refusal or error
            text = _text(log)
            if not text:
                raise cause from None
            raise VerifierError(cause.errno or 0, cause.call, cause.subject, text) from None


def _text(log: Attributes) -> str:
    return log.value.decode(errors="replace")


def load_btf(blob: bytes) -> int:
    """The fd of BTF that the kernel accepted (kernel document bpf/btf.rst).

    Raises: VerifierError: rejected, with the kernel's log. KernelError.
    """
    subject = f"BTF of {len(blob)} bytes"

    def attempt(log: Attributes | None) -> int:
        buffer, size = (ctypes.addressof(log), ctypes.sizeof(log)) if log else (0, 0)
        level = 1 if log else 0
        return bpf(Command.BTF_LOAD, pack(_BTF_LOAD, address_of(blob), buffer, len(blob), size, level), subject)

    try:
        return attempt(None)
    except KernelError as refusal:
        if refusal.errno in _NO_VERDICT:
            raise
        return _with_growing_log(attempt, LOG_SIZE, refusal)[0]


def test_run(
    prog_fd: int, data_in: bytes = b"", ctx_in: bytes = b"", cpu: int | None = None, *, repeat: int = 0
) -> tuple[int, int]:
    """(return value as u32, duration in ns) of a run of the program on data or a context made up by the caller.

    A raw tracepoint program takes only `ctx_in`, u64s up to twelve, and reports no duration (0); only such a program
    can be run on a given CPU. A program for packets takes 14 bytes of data or more, can be run `repeat` times, and
    reports the average duration; a signal ends the repetition with EINTR. kprobe, tracepoint and perf_event programs
    cannot be run so.
    Source: kernel document bpf/bpf_prog_run.rst. Raises KernelError.
    """
    flags = 0 if cpu is None else TEST_RUN_ON_CPU
    attributes = pack(
        _TEST_RUN,
        *(prog_fd, 0, len(data_in), 0, address_of(data_in), 0, repeat, 0),
        *(len(ctx_in), 0, address_of(ctx_in), 0, flags, cpu or 0),
    )
    bpf(Command.PROG_TEST_RUN, attributes, f"program fd {prog_fd}")
    (returned,) = struct.unpack_from("=I", attributes, 4)
    (duration,) = struct.unpack_from("=I", attributes, 36)
    return returned, duration
