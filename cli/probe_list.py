"""`-l`: the points that a pattern names, or those that a script would attach to; and the kernel's types.

Lines go out as they are found, so that a long list begins at once. Which names a probe type has, and what `-v` shows of
them, is the probe type's; how providers are found is what attach points do too.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from ..api.compiler import target_for
from ..api.house import House
from ..api.script import UNNAMED, Script, read_file
from ..core.glob import has_wildcard
from ..core.terminal_text import guarded
from .arguments import Arguments
from .messages import Messages
from .settings import compile_settings, house_for

if TYPE_CHECKING:
    from ..api.compiler import CompileSettings
    from ..core.compilation import Compilation
    from ..core.probe import MatchRequest, ProbeType
    from ..core.source import Source

#: Words that begin the pattern of a type.
_TYPE_WORDS = ("struct", "union", "enum")
_QUOTED_OR_BLANKS = re.compile(r'("(?:\\.|[^"\\])*")|\s+', re.DOTALL)
_BETWEEN_COMMAS = re.compile(r'(?:"(?:\\.|[^"\\])*"|[^,])+', re.DOTALL)
#: Lines that go out in one write.
_BATCH = 512


def list_probes(arguments: Arguments, environment: Mapping[str, str], messages: Messages) -> None:
    """Raises: CompileFailed, ConfigError, PluginError, ScriptError, TargetError; OSError: what cannot be read."""
    house = house_for(arguments)
    script = _script(arguments)
    compilation = _compilation(script, house, compile_settings(arguments, environment))
    for warning in compilation.target.warnings:
        messages.warning(warning)
    warn = _once(messages.warning)
    if script is not None:
        _write(_program_lines(script.source, compilation, warn, verbose=arguments.verbose))
        return
    for pattern in patterns(arguments.script or "*"):
        _write(_pattern_lines(pattern, compilation, warn, verbose=arguments.verbose))


def _once(warn: Callable[[str], None]) -> Callable[[str], None]:
    """What is true of a file is said once, not with each of its functions."""
    said: set[str] = set()

    def warn_once(text: str) -> None:
        if text not in said:
            said.add(text)
            warn(text)

    return warn_once


def patterns(written: str) -> list[str]:
    """Those between commas, with single blanks; what is in double quotes stays as it is. Stray commas are left out."""
    reduced = _QUOTED_OR_BLANKS.sub(lambda found: found[1] or " ", written)
    return [pattern for found in _BETWEEN_COMMAS.findall(reduced) if (pattern := found.strip())]


def _script(arguments: Arguments) -> Script | None:
    """The script whose points are asked for: that of -e, or a file; None when it is a pattern."""
    if arguments.program is not None:
        return Script.of_text(UNNAMED, arguments.program)
    name = arguments.script
    return read_file(name) if name is not None and os.path.isfile(name) else None


def _compilation(script: Script | None, house: House, settings: CompileSettings) -> Compilation:
    from ..core.compilation import Compilation
    from ..core.config import Config

    pipeline = house.pipeline
    functions = pipeline.functions()
    return Compilation(
        target=target_for(settings),
        functions=functions,
        library=pipeline.library(functions),
        probe_types=pipeline.probe_types(),
        pipeline=pipeline,
        config=Config.from_environment(settings.environment),
        options=replace(settings.options, directory=script.directory if script else "."),
    )


def _write(lines: Iterable[str]) -> None:
    batch: list[str] = []
    try:
        for line in lines:
            batch.append(line)
            if len(batch) == _BATCH:
                _flush(batch)
    finally:
        _flush(batch)  # what was found before an error is shown


def _flush(batch: list[str]) -> None:
    """Names of files may have bytes that are no UTF-8; they go out as they are, but not to a terminal."""
    text = "".join(f"{line}\n" for line in batch).encode("utf-8", "surrogateescape")
    sys.stdout.buffer.write(guarded(text) if sys.stdout.isatty() else text)
    sys.stdout.flush()
    batch.clear()


# With a program


def _program_lines(
    source: Source, compilation: Compilation, warn: Callable[[str], None], *, verbose: bool
) -> Iterator[str]:
    """Those of each attach point in the program's order, sorted; what the tracer itself runs is left out."""
    from ..api.compiler import CompileFailed
    from ..core.diagnostics import CompileError
    from ..core.pipeline import STAGES
    from ..core.probe import AttachPointError, NoMatch
    from ..core.source import as_given
    from ..passes.typecheck.attach_points import match_parts, match_request

    diagnostics = compilation.diagnostics
    try:
        program = compilation.pipeline.run_stage(STAGES[0], source, compilation=compilation)
        for probe in program.probes:
            for written in probe.attach_points:
                try:
                    matches = match_parts(tuple(map(as_given, written.parts)), compilation, warn)
                except AttachPointError as error:
                    missing_probes = compilation.config.missing_probes
                    if isinstance(error, NoMatch) and missing_probes != "error":
                        if missing_probes == "warn":
                            warn(f"{str(error).removesuffix('.')}. Skipping.")
                        continue
                    diagnostics.error(str(error), written.span, hints=error.hints)
                    continue
                request = match_request(compilation, warn)
                for match in matches:
                    if match.probe_type.lifecycle not in ("begin", "end", "signal"):
                        names = sorted(map(match.probe_type.listed_name, match.points))
                        yield from _described(names, match.probe_type, request, verbose=verbose)
        diagnostics.raise_if_failed()
    except CompileError as error:
        raise CompileFailed(diagnostics.source or source, error.diagnostics) from error


# With a pattern


def _pattern_lines(
    pattern: str, compilation: Compilation, warn: Callable[[str], None], *, verbose: bool
) -> Iterator[str]:
    from ..core.linux.errors import KernelError
    from ..core.probe import AttachPointError
    from ..passes.parse.attach_points import split
    from ..passes.typecheck.attach_points import match_request

    if pattern.split(" ")[0] in _TYPE_WORDS:
        yield from _types(pattern, compilation, verbose=verbose)
        return
    if "." in pattern and ":" not in pattern and "*" not in pattern:
        warn(
            f"It appears that '{pattern}' is a filename but the file does not exist. "
            f"Treating '{pattern}' as a search pattern."
        )
    parts = split(pattern) if ":" in pattern else ("*", pattern)
    request = match_request(compilation, warn)
    for probe_type in _listed_types(parts, compilation):
        try:
            yield from _described(probe_type.listed(parts[1:], request), probe_type, request, verbose=verbose)
        except (AttachPointError, KernelError) as error:
            warn(str(error))


def _listed_types(parts: tuple[str, ...], compilation: Compilation) -> list[ProbeType]:
    """The probe types to ask; none when there is none of the name."""
    from ..core.probe import AttachPointError
    from ..passes.typecheck.attach_points import named_type, searched_types

    provider = parts[0] or "*"
    if has_wildcard(provider):
        names_a_file = not has_wildcard(parts[1]) and os.path.exists(parts[1])
        return searched_types(provider, compilation, names_a_file=names_a_file)
    try:
        return [named_type(provider, compilation)]
    except AttachPointError:
        return []


def _described(
    names: Iterable[str], probe_type: ProbeType, request: MatchRequest, *, verbose: bool
) -> Iterator[str]:
    if not verbose:
        yield from names
        return
    for name in names:
        yield name
        for line in probe_type.describe(name, request):
            yield f"    {line}"


# Types


def _types(pattern: str, compilation: Compilation, *, verbose: bool) -> Iterator[str]:
    """`struct NAME` and so on, sorted; with -v each definition, in vmlinux and in modules."""
    from ..core.target.btf_text import definition

    found = sorted(_matching_types(pattern, compilation))
    if not verbose:
        yield from dict.fromkeys(name for name, _, _ in found)
        return
    readers = {"vmlinux": compilation.target.btf, **dict(compilation.target.module_btf())}
    for _, module, type_id in found:
        btf = readers[module]
        assert btf is not None
        first, *rest = definition(btf, type_id)
        yield f"{module}: {first}"
        yield from rest
        yield ""


def _matching_types(pattern: str, compilation: Compilation) -> Iterator[tuple[str, str, int]]:
    """(`struct NAME`, module, type id)."""
    from ..core.glob import glob
    from ..core.target.btf_types import Enum, Enum64, Struct, Union

    target = compilation.target
    if target.btf is None:
        return
    word, _, name = pattern.partition(" ")
    kinds: dict[str, tuple[type, ...]] = {"struct": (Struct,), "union": (Union,), "enum": (Enum, Enum64)}
    accepts = glob(name).fullmatch
    for module, btf in [("vmlinux", target.btf), *target.module_btf()]:
        for type_id in range(btf.first_id, len(btf) + 1):
            found = btf.type(type_id)
            if isinstance(found, kinds[word]) and found.name and accepts(found.name):
                yield f"{word} {found.name}", module, type_id
