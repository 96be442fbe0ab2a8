"""Writes captured targets: what a compilation asked of a machine becomes a directory, or is added to one.

Saving into a directory adds to it, and what is there stays as it is. Nothing here reads the machine.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from ..frozen import dataclass
from .btf_subset import BEHIND_POINTER, reach, write
from .dependency import read_content
from .directory import BTF_FILE, EVENTS, FUNCTIONS_FILE, MODULES, TARGET_FILE, read_target
from .event_files import FORMAT_FILE
from .kernel_functions import KernelFunctions, functions_file, parse_functions
from .recording_btf import ids_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .kernel_functions import RecordingFunctions
    from .recording_btf import RecordingBtf, RecordingModuleBtf

POINTER_LEVELS = 1  # of what a captured type points to, so much is captured with it


@dataclass(frozen=True, slots=True)
class Answers:
    """What was asked for: the machine as it is and the names of types (`facts`, as in target.json), what was found by
    name (`found`, objects of target.json), formats of tracepoints by (category, event), functions of the kernel, and
    who reads its types and those of its modules."""

    facts: Mapping[str, Any]
    found: Mapping[str, dict[str, Any]]
    formats: Mapping[tuple[str, str], str]
    functions: RecordingFunctions | None
    btf: RecordingBtf | None
    module_btf: Callable[[], Mapping[str, RecordingModuleBtf]]


def save(directory: str, answers: Answers) -> None:
    """Write them as a captured target, or add them to the one that is in `directory`.

    Raises OSError, and ValueError when `directory` holds another kernel or a type that is not here.
    """
    data = _merged(directory, answers)
    for (category, event), text in sorted(answers.formats.items()):
        place = os.path.join(directory, EVENTS, category, event)
        os.makedirs(place, exist_ok=True)
        _write_once(os.path.join(place, FORMAT_FILE), text.encode("utf-8", "surrogateescape"))
    os.makedirs(directory, exist_ok=True)
    if answers.functions is not None and answers.functions.readable:
        path = os.path.join(directory, FUNCTIONS_FILE)
        known = KernelFunctions(parse_functions(read_content(path) or b"")).match("*")
        _write_changed(path, functions_file({*known, *answers.functions.asked}))
    if answers.btf is not None:
        _save_types(answers.btf, answers.module_btf, directory, data)
    text = json.dumps(data, indent=1, sort_keys=True, ensure_ascii=True) + "\n"
    _write_changed(os.path.join(directory, TARGET_FILE), text.encode())


def _save_types(
    btf: RecordingBtf,
    module_btf: Callable[[], Mapping[str, RecordingModuleBtf]],
    directory: str,
    data: dict[str, Any],
) -> None:
    """The kernel's blob, with what the modules need of it, and those of the modules, split from that one."""
    wanted = data.get("module_types", {})
    modules = module_btf() if wanted else {}
    own: dict[str, dict[int, int]] = {}
    levels = reach(btf, ids_of(btf, data["types"]), POINTER_LEVELS)
    for name, keys in wanted.items():
        if name not in modules:
            raise ValueError(f"no types of the module {name}, which is in the directory already")
        reached = reach(modules[name], ids_of(modules[name], keys), POINTER_LEVELS)
        own[name] = {type_id: level for type_id, level in reached.items() if type_id >= modules[name].first_id}
        for type_id in reached.keys() - own[name].keys():
            levels[type_id] = max(levels.get(type_id, BEHIND_POINTER), reached[type_id])
    kernel = write(btf, levels)
    _write_changed(os.path.join(directory, BTF_FILE), kernel.blob)
    for name, module_levels in own.items():
        os.makedirs(os.path.join(directory, MODULES), exist_ok=True)
        _write_changed(os.path.join(directory, MODULES, name), write(modules[name], module_levels, kernel).blob)


def _merged(directory: str, answers: Answers) -> dict[str, Any]:
    """The content of target.json: what is there, and what was asked for besides."""
    here = {**answers.facts, **answers.found}
    if not os.path.exists(os.path.join(directory, TARGET_FILE)):
        return here
    there = read_target(directory)
    if there["kernel_build_id"] != here["kernel_build_id"]:
        raise ValueError(
            f"{directory} holds kernel {there['kernel_build_id']}, this is {here['kernel_build_id']}: "
            "one directory is one kernel"
        )
    there["types"] = sorted({*there["types"], *here["types"]})
    for key in ("features", "interfaces", "modules"):
        there[key] = sorted({*there[key], *here[key]})
    known, modules = there.pop("module_types"), here.get("module_types", {})
    if known or modules:
        names = sorted({*known, *modules})
        there["module_types"] = {n: sorted({*known.get(n, ()), *modules.get(n, ())}) for n in names}
    for key in answers.found:
        there[key] = _together(there[key], here[key])
    return there


def _together(there: dict[str, Any], here: dict[str, Any]) -> dict[str, Any]:
    """Both objects together; where both have a key, objects merge and of other values the one that is there stays."""
    merged = {**here, **there}
    for key in there.keys() & here.keys():
        if isinstance(there[key], dict) and isinstance(here[key], dict):
            merged[key] = _together(there[key], here[key])
    return merged


def _write_once(path: str, content: bytes) -> None:
    """Raises OSError."""
    if not os.path.exists(path):
        _write_changed(path, content)


def _write_changed(path: str, content: bytes) -> None:
    """Write a file unless it has this content already. Raises OSError."""
    try:
        with open(path, "rb") as file:
            if file.read() == content:
                return
    except FileNotFoundError:
        pass
    with open(path, "wb") as file:
        file.write(content)
