"""`--fmt`: the script in its standard layout, on standard output or in the place of a file.

The layout itself is the parser room's. A file is replaced in one step, so that a script can be written over itself and
is never half there.
"""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import suppress

from ..api.compiler import CompileFailed
from ..api.script import Script, ScriptError
from .arguments import Arguments


def format_script(script: Script, arguments: Arguments) -> None:
    """Raises: CompileFailed: for a script that does not parse; ScriptError; OSError: when it cannot be written."""
    from ..core.diagnostics import CompileError
    from ..passes.parse.format import format_source

    if script.compiled:
        raise ScriptError(f"{script.name}: a compiled program has no layout")
    source = script.source
    try:
        data = format_source(source).encode("latin-1")  # a Source has one character for each byte
    except CompileError as error:
        raise CompileFailed(source, error.diagnostics) from error
    if arguments.output is None:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    else:
        _replace(arguments.output, data)


def _replace(path: str, data: bytes) -> None:
    """Puts a new file in the place of `path`, behind links and with the permissions of the old one."""
    target = os.path.realpath(path)
    if os.path.exists(target) and not os.path.isfile(target):
        with open(target, "wb") as device:  # /dev/stdout, a pipe: nothing that could be replaced
            device.write(data)
        return
    try:
        mode = os.stat(target).st_mode & 0o7777
    except FileNotFoundError:
        mode = 0o666 & ~_umask()
    descriptor, temporary = tempfile.mkstemp(prefix=".", suffix=".bt", dir=os.path.dirname(target))
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
            os.fchmod(descriptor, mode)
        os.replace(temporary, target)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def _umask() -> int:
    """It can only be read by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
