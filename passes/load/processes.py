"""The process that a run belongs to: that of `-p`, or a child started for `-c`.

A child is forked early and waits before exec (where stacks are to be unwound, at its program's first instruction) until
it is released, so that nothing of its life is missed. It gets SIGTERM when the tracer dies, however that happens
(PR_SET_PDEATHSIG, prctl(2)). Both kinds are watched through a pidfd (pidfd_open(2)), which cannot mean another process
by mistake.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import sys
from contextlib import suppress
from typing import NoReturn

from ...core.linux.errors import KernelError
from ...core.run import LoadError, load_error

_PR_SET_PDEATHSIG = 1
#: How long a child may take to end after SIGTERM before it gets SIGKILL.
_GRACE_MS = 1_000
_STATUS_SIZE = 4
_READY = b"."


class TracedProcess:
    """The process of `-p`. `descriptor` becomes readable when it ends.

    Raises: LoadError: when there is no such process.
    """

    def __init__(self, pid: int) -> None:
        self.pid = pid
        #: How a child ended, once it has: 'exited with code: 0', 'terminated by signal: 15'.
        self.ending = ""
        try:
            self.descriptor = os.pidfd_open(pid)
        except OSError as error:
            reason = os.strerror(error.errno or 0)
            raise _refusal(f"Failed to attach to pid: Unable to open pidfd ({reason})") from error

    def ended(self) -> bool:
        return bool(_wait_readable(self.descriptor, 0))

    def prepare(self) -> None:
        """Waits until nothing of ours is left to be seen in the process; it runs on its own, so there is nothing."""

    def run_to_entry(self) -> None:
        """Waits until the process has its libraries mapped; it has."""

    def release(self) -> None:
        """The process runs already, so there is nothing to do."""

    def terminate(self) -> None:
        """The run is over: the process goes on, because it was not started here."""

    def close(self) -> None:
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


class ChildProcess(TracedProcess):
    """A child for `-c`, waiting before exec until `release`.

    Raises: LoadError: with status 1 for a command that cannot be run, with 255 when exec failed (from `release`).
    """

    def __init__(self, command: str) -> None:
        arguments = command.split(" ")
        path = resolve_command(arguments[0])
        self._reaped = False
        self._is_prepared = False
        self._is_at_entry = False
        go_read, self._go_write = os.pipe2(os.O_CLOEXEC)
        self._exec_read, exec_write = os.pipe2(os.O_CLOEXEC)
        sys.stdout.flush()
        sys.stderr.flush()
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            os.close(self._go_write)
            _become(path, arguments, parent, go_read, exec_write)
        os.close(go_read)
        os.close(exec_write)
        super().__init__(pid)

    def prepare(self) -> None:
        """Waits until the child has nothing to do any more but to exec, so that probes see none of its preparations."""
        if not self._is_prepared:
            os.read(self._exec_read, 1)
        self._is_prepared = True

    def run_to_entry(self) -> None:
        """Lets the child exec its command and load its libraries; at its program's first instruction it waits for
        `release`, which is up to this thread then. Raises: KernelError; LoadError: the child ended before."""
        from ...core.linux import entry_stop

        self.prepare()
        entry_stop.seize(self.pid)
        self._go()
        status = entry_stop.run_to_entry(self.pid)
        self._is_at_entry = status is None
        if status is not None:
            self._end(status)
        self._check_exec()
        if status is not None:
            raise load_error(f"Failed to run child: {self.ending} before its program began")

    def release(self) -> None:
        """Lets the child exec its command."""
        if self._is_at_entry:
            from ...core.linux import entry_stop

            self._is_at_entry = False
            with suppress(KernelError):  # somebody ended it while it waited, which `ended` tells
                entry_stop.let_go(self.pid)
        elif not self._reaped:
            self._go()
            self._check_exec()

    def _go(self) -> None:
        with suppress(BrokenPipeError):  # somebody ended it while it waited, which `ended` tells
            os.write(self._go_write, b"!")
        os.close(self._go_write)
        self._go_write = -1

    def _check_exec(self) -> None:
        # The pipe closes at a successful exec; after a failed one the child writes its errno first.
        failed = os.read(self._exec_read, _STATUS_SIZE)
        if failed:
            reason = os.strerror(int.from_bytes(failed, sys.byteorder))
            text = f"Failed to run child: child: failed to execve ({reason})"
            raise load_error(text)

    def terminate(self) -> None:
        """SIGTERM, and SIGKILL when that did not end it within a second; then the child is reaped."""
        if self._reaped:
            return
        if self._go_write >= 0:
            # It never was released: at the end of the pipe it ends by itself.
            os.close(self._go_write)
            self._go_write = -1
        elif self._is_at_entry:
            self._signal(signal.SIGKILL)  # no other one gets to it
        elif not self.ended():
            self._signal(signal.SIGTERM)
            if not _wait_readable(self.descriptor, _GRACE_MS):
                self._signal(signal.SIGKILL)
        _, status = os.waitpid(self.pid, 0)
        self._end(status)

    def _end(self, status: int) -> None:
        self._reaped = True
        code = os.waitstatus_to_exitcode(status)
        self.ending = f"terminated by signal: {-code}" if code < 0 else f"exited with code: {code}"

    def _signal(self, number: signal.Signals) -> None:
        # A child that ended by itself a moment ago is a zombie until it is reaped: the signal reaches nobody else.
        signal.pidfd_send_signal(self.descriptor, number)

    def close(self) -> None:
        self.terminate()
        if self._exec_read >= 0:
            os.close(self._exec_read)
            self._exec_read = -1
        super().close()


def _become(path: str, arguments: list[str], parent: int, go_read: int, exec_write: int) -> NoReturn:
    """The child's side: waits for one byte, then execs. It never returns, and never runs the parent's clean-up."""
    code = 0
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM.value, 0, 0, 0)
        # Python ignores SIGPIPE and the tracer ignores SIGUSR1; ignored signals stay so across exec.
        for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGUSR1, signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        is_wanted = os.getppid() == parent  # it may have died before prctl, and nobody will ever send the byte
        os.write(exec_write, _READY)
        if is_wanted and os.read(go_read, 1):
            os.execv(path, arguments)
    except OSError as error:
        code = error.errno or 0
    finally:
        if code:
            os.write(exec_write, code.to_bytes(_STATUS_SIZE, sys.byteorder))
        os._exit(127)


def resolve_command(name: str) -> str:
    """The one executable that the first word of `-c` names: a path, or a name on $PATH.

    Raises: LoadError: when there is none, it is no ELF file (scripts are refused, because the probes would see their
    interpreter), or several directories have one.
    """
    if "/" in name:
        candidates = [name]
    else:
        candidates = [os.path.join(directory or ".", name) for directory in os.environ.get("PATH", "").split(":")]
    found = {os.path.realpath(path): path for path in reversed(candidates) if name and _is_elf_executable(path)}
    if not found:
        raise _refusal(
            f"Failed to fork child: Path '{name}' does not exist or is not executable (No such file or directory)"
        )
    if len(found) > 1:
        raise _refusal(
            f"Failed to fork child: path '{name}' must refer to a unique binary but matched {len(found)} binaries"
        )
    return next(iter(found.values()))


def _is_elf_executable(path: str) -> bool:
    if not os.access(path, os.X_OK) or not os.path.isfile(path):
        return False
    try:
        with open(path, "rb", buffering=0) as file:
            head = file.read(18)
    except OSError:
        return False  # executable but not readable: what it is cannot be told
    # e_ident's magic, then e_type at offset 16: ET_EXEC 2, ET_DYN 3 (elf(5)).
    return head[:4] == b"\x7fELF" and int.from_bytes(head[16:18], sys.byteorder) in (2, 3)


def _wait_readable(descriptor: int, timeout_ms: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(timeout_ms))


def _refusal(text: str) -> LoadError:
    return load_error(text, status=1)
