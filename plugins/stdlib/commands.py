"""Files and commands whose names a script puts together: `cat` shows a file, `system` runs a command."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, ClassVar

from ...core.artifacts import EventSpec
from ...core.function import CallSite
from ...core.output import Output
from .printing import FormatAction

#: Bytes read from a file at once.
_CHUNK = 1 << 16


class Cat(FormatAction):
    """`cat(format, values...)`: the first `max_cat_bytes` bytes of a file."""

    names: ClassVar[tuple[str, ...]] = ("cat",)

    def handler(self, event: EventSpec, output: Output) -> Callable[[tuple[Any, ...]], None]:
        name_of, most = self.formatter(event, output), output.rendering.config.max_cat_bytes

        def show(fields: tuple[Any, ...]) -> None:
            path = _c_string(name_of(fields))
            try:
                data = _beginning(path, most)
            except OSError as error:
                output.error(f"failed to open file '{os.fsdecode(path)}' ({os.strerror(error.errno or 0)})")
            else:
                output.write(output.format.printed("cat", output.rendering.shown(data)))

        return show


def _beginning(path: bytes, most: int) -> bytes:
    """At most so many bytes of a file. Raises: OSError.

    Nothing is waited for: a file may be a pipe that nobody writes to, and events keep coming.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    data = b""
    try:
        while len(data) < most and (chunk := os.read(descriptor, min(most - len(data), _CHUNK))):
            data += chunk
    except BlockingIOError:
        return data
    finally:
        os.close(descriptor)
    return data


class System(FormatAction):
    """`system(format, values...)`: runs a command with `sh -c` and shows what it wrote, once it has ended."""

    names: ClassVar[tuple[str, ...]] = ("system",)

    def check(self, call: CallSite) -> None:
        if not call.allows_unsafe:
            call.error("system() is an unsafe function being used in safe mode")
        super().check(call)

    def handler(self, event: EventSpec, output: Output) -> Callable[[tuple[Any, ...]], None]:
        from .carried_out.shell import run_shell

        command_of, end = self.formatter(event, output), b"\n" if output.format.verbatim else b""

        def run(fields: tuple[Any, ...]) -> None:
            command = _c_string(command_of(fields))
            shown = os.fsdecode(command)
            try:
                status, text = run_shell(command)
            except OSError as error:
                output.error(f"failed to run command '{shown}' ({os.strerror(error.errno or 0)})")
                return
            if status > 0:
                output.error(f"command exited with code {status} ({shown})")
            elif status < 0:
                output.error(f"child process did not exit normally ({shown}: signal {-status})")
            else:
                output.write(output.format.printed("syscall", text + end))  # the script has asked for it

        return run


def _c_string(text: bytes) -> bytes:
    """What the system's calls see of a text."""
    return text.partition(b"\0")[0]


FUNCTIONS = (Cat(), System())
