"""The command `pybpftrace`: what happens in which order, and which exit status an error means.

A run whose program is in the cache must not import the compiler, nor click: so the steps below import late. Every error
that a user can cause ends in a line on standard error; a traceback is a bug and is shown as one.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress

from ..api.compiler import CompileFailed, CompileStopped, TargetError, compiled_program
from ..api.house import InvariantError
from ..api.plugin_objects import FormatError
from ..api.runner import refusal, run_program
from ..api.script import ScriptError
from ..core.artifact_file import ArtifactError, save
from ..core.cache import code_fingerprint
from ..core.config import ConfigError
from ..core.registry import PluginError
from ..core.run import LoadError, NothingToAttach
from .arguments import Arguments
from .messages import Messages
from .remembered import keep, recall
from .settings import compile_settings, house_for, read_script, run_options
from .usage import UsageError
from .watching import Watching

PROGRAM = "pybpftrace"
OK, FAILED, CONFIGURATION, NOT_LOADED, BUG = 0, 1, 2, 255, 134


def execute(words: Sequence[str], environment: Mapping[str, str]) -> int:
    """Runs a command line and gives its exit status; every error has been printed."""
    messages = Messages(environment)
    try:
        return _command(words, environment, messages)
    except UsageError as error:
        return _usage(error, messages)
    except (ArtifactError, PluginError, ScriptError, TargetError) as error:
        messages.error(str(error))
    except FormatError as error:
        messages.plain(str(error))
    except ConfigError as error:
        messages.plain(str(error))
        return CONFIGURATION
    except CompileFailed as failed:
        messages.diagnostics(failed.diagnostics, failed.source)
    except BrokenPipeError:
        return FAILED  # nobody needs to be told that what read the output is gone
    except OSError as error:
        return _system_error(error, messages)
    except InvariantError as error:
        messages.bug(str(error))
        return BUG
    except Exception as error:
        return _bug(error, words, messages)
    return FAILED


def _command(words: Sequence[str], environment: Mapping[str, str], messages: Messages) -> int:
    if words[:1] == ["capture-target"]:
        from .capture_target import capture

        return capture(words[1:], environment)
    fingerprint = code_fingerprint()
    arguments = recall(words, fingerprint)
    if arguments is None:
        from .command import parse

        arguments = parse(words)
        if arguments.cache:
            keep(words, fingerprint, arguments)
    messages.show_warnings = arguments.show_warnings
    if arguments.list_passes or arguments.list_plugins:
        return _lists(arguments)
    if arguments.list_probes:
        from .probe_list import list_probes

        list_probes(arguments, environment, messages)
        return OK
    script = read_script(arguments)
    if arguments.mode == "format":
        from .format import format_script

        format_script(script, arguments)
        return OK
    if arguments.mode == "compiler-bench":
        from .compiler_bench import time_compiler

        time_compiler(script, arguments, environment)
        return OK
    why_not = refusal() if arguments.runs else None
    if why_not is not None:
        messages.plain(why_not)
        return FAILED
    watching = Watching(arguments)
    house = house_for(arguments, watching.observers)
    try:
        watching.check_pass_names(house)
        program = compiled_program(script, house, compile_settings(arguments, environment), fingerprint)
        if script.compiled:
            watching.show_saved(program)
        for warning in program.warnings:
            messages.compile_warning(warning)
        if arguments.emit:
            save(program, arguments.emit)
        if not arguments.runs:
            return OK
        if arguments.quotes_blanks:
            messages.warning("The command of -c is split at blanks; quotes keep nothing together there")
        try:
            return run_program(program, run_options(arguments, program, house, environment), house)
        except NothingToAttach as error:
            if not arguments.quiet:
                sys.stdout.write(f"{error}\n")
            return error.status
        except LoadError as error:
            messages.diagnostics(error.diagnostics, program.source)
            return error.status
    except CompileStopped as stopped:
        for warning in stopped.warnings:
            messages.compile_warning(warning)
        return OK
    finally:
        watching.report(messages)


def _lists(arguments: Arguments) -> int:
    from .house_lists import list_passes, list_plugins

    house = house_for(arguments)
    sys.stdout.write(list_passes(house) if arguments.list_passes else "")
    sys.stdout.write(list_plugins(house) if arguments.list_plugins else "")
    return OK


def _usage(error: UsageError, messages: Messages) -> int:
    if error.line:
        messages.plain(error.line)
    if error.show_usage:
        from .command import help_text

        messages.plain(help_text())
    return FAILED


def _system_error(error: OSError, messages: Messages) -> int:
    """A refused system call of BPF explains itself; otherwise the errno and the file are what there is to say."""
    from ..core.linux.errors import KernelError

    if isinstance(error, KernelError):
        messages.error(str(error))
        return NOT_LOADED
    where = f"{error.filename}: " if error.filename else ""
    messages.error(f"{where}{error.strerror or error}")
    return FAILED


def _bug(error: Exception, words: Sequence[str], messages: Messages) -> int:
    """One line, with the place in our code; the whole traceback with -v."""
    import traceback

    frames = traceback.extract_tb(error.__traceback__)
    place = f"[{os.path.basename(frames[-1].filename)}:{frames[-1].lineno}] " if frames else ""
    with suppress(OSError):
        messages.bug(f"{place}{type(error).__name__}: {' '.join(str(error).split())}")
        if any(word in ("-v", "--verbose") for word in words):
            messages.plain("".join(traceback.format_exception(error)))
    return BUG
