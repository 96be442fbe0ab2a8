"""What a command line says, as plain data.

It is made by `command.py` (click), read by everything else in the room, and can be remembered between runs; it must not
know how options are spelled.
"""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any

from ..core.frozen import dataclass


@dataclass(frozen=True, slots=True)
class Arguments:
    """`script` is a file's name or '-', `program` the text of -e; one of them is set, but with `list_probes`, where
    `script` may also be a pattern.

    `dumps` names what is to be shown ('ast', 'types', ...), `dump_ast_after` the passes of `--dump-ast=PASS`. `use` has
    (stage, plugin) pairs. `script_arguments` are the operands behind the script. `mode` is 'trace', 'test', 'bench',
    'format' or 'compiler-bench'; --mode codegen is a `stop_after`.
    """

    script: str | None = None
    program: str | None = None
    script_arguments: tuple[str, ...] = ()
    mode: str = "trace"
    include_directories: tuple[str, ...] = ()
    include_files: tuple[str, ...] = ()
    allows_unsafe: bool = False
    probes_everything: bool = False
    probe_filter: str | None = None
    pid: int | None = None
    dwarf_pids: tuple[int, ...] = ()
    command: str | None = None
    output: str | None = None
    format: str = "text"
    buffering: str = "line"
    quiet: bool = False
    verbose: bool = False
    report_helper_failures: bool = False
    show_warnings: bool = True
    show_verifier_log: bool = False
    dumps: tuple[str, ...] = ()
    dump_ast_after: tuple[str, ...] = ()
    dump_format: str = "text"
    dump_to: str | None = None
    print_changed: bool = False
    time_passes: bool = False
    verify_each: bool = False
    stop_after: str | None = None
    use: tuple[tuple[str, str], ...] = ()
    emit: str | None = None
    target: str | None = None
    traceable_functions: str | None = None
    debug_directories: tuple[str, ...] = ()
    no_features: tuple[str, ...] = ()
    cache: bool = True
    plugins: bool = True
    list_probes: bool = False
    list_passes: bool = False
    list_plugins: bool = False

    @property
    def positional(self) -> tuple[str, ...]:
        """The script's own arguments `$1`, `$2`, ..."""
        return tuple(word for word in self.script_arguments if not word.startswith("--"))

    @property
    def named(self) -> tuple[tuple[str, str | None], ...]:
        """The script's own options, `--name=value` and `--name`, which has no value."""
        split = (word[2:].partition("=") for word in self.script_arguments if word.startswith("--"))
        return tuple((name, value if equals else None) for name, equals, value in split)

    @property
    def quotes_blanks(self) -> bool:
        """True when `-c` has a quoted text with blanks, which only a shell would keep together."""
        quoted = (word for word in (self.command or "").split(" ") if word[:1] in ("'", '"'))
        return any(len(word) == 1 or word[-1] != word[0] for word in quoted)

    @property
    def watches_compilation(self) -> bool:
        """True when something wants to see the stages, so that a cached program will not do."""
        return bool(
            self.dumps or self.dump_ast_after or self.print_changed or self.time_passes or self.verify_each
        )

    @property
    def runs(self) -> bool:
        """True when the program is to be loaded into this kernel."""
        if self.emit or self.target or self.mode not in ("trace", "test", "bench"):
            return False
        return self.stop_after in (None, "load", "output")

    def to_data(self) -> dict[str, object]:
        """The settings that differ from their defaults, for json.dumps."""
        default = asdict(Arguments())
        return {name: value for name, value in asdict(self).items() if value != default[name]}

    @staticmethod
    def from_data(data: object) -> Arguments:
        """The inverse of `to_data`, also after JSON made lists of its tuples. Raises: ValueError, TypeError."""
        if not isinstance(data, dict):
            raise ValueError("not arguments")
        tuples = {f.name for f in fields(Arguments) if isinstance(f.default, tuple)}
        values: dict[str, Any] = {name: _frozen(value) if name in tuples else value for name, value in data.items()}
        return Arguments(**values)


def _frozen(value: object) -> object:
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value
