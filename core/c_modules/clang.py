"""Runs clang: from a C file to LLVM bitcode and to a BPF object, which tells what LLVM's back end makes of it.

The only module that starts a compiler. It knows its command line and its list of includes, and not what is in the file.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence

from ..c_preamble.search_path import KERNEL_ARCHITECTURES
from ..frozen import dataclass

CLANG = "clang"
#: The CPU that code is generated for, as in passes/codegen: what the back end refuses for it, it refuses now.
_CPU = "v3"
#: Seconds. A file that includes all of the kernel's types takes about one.
_PATIENCE = 120


class BuildError(Exception):
    """clang would not compile the file; its own text is the message."""


class ClangMissing(Exception):
    """There is no clang on PATH, or it cannot be started; the message says why."""


@dataclass(frozen=True, slots=True)
class Build:
    """`object` is the same code as a relocatable ELF file with BTF; `includes` are the absolute paths of all headers,
    `warnings` what clang said."""

    bitcode: bytes
    object: bytes
    includes: tuple[str, ...]
    warnings: str


def compile_file(path: str, include_directories: Sequence[str], architecture: str) -> Build:
    """Compiles the file at an absolute path, for a machine of uname(2)'s `architecture`.

    Raises: BuildError, ClangMissing.
    """
    clang = shutil.which(CLANG)
    if clang is None:
        raise ClangMissing(f"{CLANG} was not found on PATH")
    kernel_name = KERNEL_ARCHITECTURES.get(architecture, architecture)
    arguments = ["-O2", "-g", f"-D__TARGET_ARCH_{kernel_name}", *(f"-I{name}" for name in include_directories)]
    # Where Debian keeps <asm/types.h>, which clang does not look into for another machine than its own.
    arguments += ["-idirafter", f"/usr/include/{architecture}-linux-gnu"]
    with tempfile.TemporaryDirectory() as directory:
        bitcode, code, includes = (os.path.join(directory, name) for name in ("bitcode", "object", "includes"))
        dependencies = ["-MD", "-MF", includes, "-MT", "x"]
        said = _run(clang, "-emit-llvm", *arguments, *dependencies, "-x", "c", path, "-o", bitcode)
        said += _run(clang, "-O2", "-x", "ir", bitcode, "-o", code)
        return Build(_content(bitcode), _content(code), _included(_content(includes), path), said)


def _run(clang: str, *arguments: str) -> str:
    """What clang writes while it compiles something for BPF."""
    command = [clang, "-target", "bpf", f"-mcpu={_CPU}", "-fno-color-diagnostics", "-c", *arguments]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_PATIENCE, check=False
        )
    except OSError as error:
        raise ClangMissing(f"{clang}: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise BuildError(f"{clang} took longer than {_PATIENCE} seconds") from error
    said = done.stderr.decode(errors="replace")
    if done.returncode:
        # A clang that gives up on its own back end adds pages about itself.
        said = said.partition("PLEASE submit a bug report")[0].strip()
        raise BuildError(said or f"{clang} failed by an error of its own (status {done.returncode})")
    return said


def _content(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _included(rule: bytes, path: str) -> tuple[str, ...]:
    """The prerequisites of clang's make rule, without the file itself. Make's escapes are those of blanks, # and $."""
    text = os.fsdecode(rule).partition(":")[2].replace("\\\n", " ")
    names = (re.sub(r"\\([ #])", r"\1", word).replace("$$", "$") for word in re.findall(r"(?:\\[ #]|\S)+", text))
    return tuple(sorted({os.path.abspath(name) for name in names} - {path}))
