"""Configuration: the keys that change what is compiled or printed, and where their values come from.

Each key is a field of `Config`. `Config.from_environment` reads the twins `BPFTRACE_<KEY>`, `with_entry` an entry of a
script's config block, which gives way to the environment. Values are plain data, because they are part of the compile
cache's key and travel inside the compiled program; what a key does is its reader's business.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import TypeAlias

from .frozen import dataclass

Value: TypeAlias = "int | bool | str"


class ConfigError(ValueError):
    """A key that does not exist, or a value that it does not accept; the text is `KEY: why`."""


class UnknownKey(ConfigError):
    """A key that nobody knows."""


@dataclass(frozen=True, slots=True)
class Config:
    """Sizes are bytes; `perf_rb_pages` is the event ring buffer in pages, 0 for a size by the memory available.

    `cache_user_symbols` is '' when neither the environment nor the script says it: it then depends on -c and ASLR.
    `environment_keys` are the keys that the environment has set, with commas between them.
    """

    cache_user_symbols: str = ""
    cpp_demangle: bool = True
    lazy_symbolication: bool = True
    license: str = "GPL"
    log_size: int = 1_000_000
    max_bpf_progs: int = 1024
    max_cat_bytes: int = 10240
    max_map_keys: int = 4096
    max_probes: int = 1024
    max_strlen: int = 1024
    missing_probes: str = "error"
    on_stack_limit: int = 32
    perf_rb_pages: int = 0
    print_maps_on_exit: bool = True
    show_debug_info: bool = False
    stack_mode: str = "bpftrace"
    str_trunc_trailer: str = ".."
    unstable_dw_ustack: str = "warn"
    unstable_import_statement: str = "error"
    unstable_tseries: str = "warn"
    unstable_typeinfo: str = "error"
    use_blazesym: bool = False
    environment_keys: str = ""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Config:
        """Raises: ConfigError: for a value that cannot be converted."""
        values: dict[str, Value] = {}
        for key, default in _DEFAULTS.items():
            text = environment.get(f"{PREFIX}{key.upper()}")
            if text is not None:
                values[key] = _convert(key, text, default)
        if values:
            values["environment_keys"] = ",".join(values)
        return cls(**values)  # type: ignore[arg-type]  # each value has its default's type, see _convert

    def with_entry(self, written: str, value: Value) -> tuple[Config, str | None]:
        """The configuration with one entry of a config block in force, and a warning about its key if there is one.

        What the environment has set stays, though the value is checked. Raises: UnknownKey, ConfigError.
        """
        if written in _WITHOUT_EFFECT:
            return self, f"{written} is deprecated and has no effect"
        key = written.lower().removeprefix(PREFIX.lower())
        if key in _ONLY_IN_ENVIRONMENT:
            raise ConfigError(f"{written}: can only be set as an environment variable")
        renamed = RENAMED.get(key)
        if renamed is not None:
            warning = f"{key} has been renamed, please use {renamed}"
            key = renamed
        else:
            warning = None
        if key not in _DEFAULTS:
            raise UnknownKey(f"{written}: not a known configuration option")
        converted = _convert(key, value, _DEFAULTS[key])
        if key in self.environment_keys.split(","):
            return self, warning
        return replace(self, **{key: converted}), warning  # type: ignore[arg-type]  # see _convert

    def to_data(self) -> dict[str, Value]:
        return asdict(self)

    @classmethod
    def from_data(cls, data: Mapping[str, Value]) -> Config:
        """Raises: TypeError: for a key that is not known."""
        return cls(**data)  # type: ignore[arg-type]  # made by to_data


PREFIX = "BPFTRACE_"
#: Old names of keys, in scripts only. The value of `no_cpp_demangle` is not inverted.
RENAMED = {
    "strlen": "max_strlen",
    "map_keys_max": "max_map_keys",
    "cat_bytes_max": "max_cat_bytes",
    "no_cpp_demangle": "cpp_demangle",
}
_WITHOUT_EFFECT = {
    "symbol_source",
    "max_type_res_iterations",
    "unstable_addr",
    "unstable_import",
    "unstable_macro",
    "unstable_map_decl",
}
_ONLY_IN_ENVIRONMENT = {"btf", "kernel_build", "kernel_source", "vmlinux"}
_DEFAULTS: dict[str, Value] = {key: value for key, value in asdict(Config()).items() if key != "environment_keys"}
#: The smallest value of a number; 1 for the others.
_MINIMUM = {"perf_rb_pages": 0, "on_stack_limit": 0, "max_cat_bytes": 0}
_TRUE, _FALSE = {"1", "true", "on", "yes"}, {"0", "false", "off", "no"}
_LICENSES = ("GPL", "GPL v2", "GPL and additional rights", "Dual BSD/GPL", "Dual MIT/GPL", "Dual MPL/GPL")
_UNSTABLE = ("enable", "warn", "error")
#: The values of a key whose text is not free.
_CHOICES = {
    "cache_user_symbols": ("PER_PID", "PER_PROGRAM", "NONE"),
    "license": _LICENSES,
    "missing_probes": ("error", "warn", "ignore"),
    "stack_mode": ("bpftrace", "perf", "raw", "build_id"),
    "unstable_dw_ustack": _UNSTABLE,
    "unstable_import_statement": _UNSTABLE,
    "unstable_tseries": _UNSTABLE,
    "unstable_typeinfo": _UNSTABLE,
}
#: Keys that take their values in any letter case.
_ANY_CASE = _CHOICES.keys() - {"license", "stack_mode"}
#: What a truth value, or a number that stands for one, means where words are expected: (false, true).
_AS_TRUTH = {"cache_user_symbols": ("NONE", "")} | {
    key: ("error", "enable") for key, choices in _CHOICES.items() if choices is _UNSTABLE
}


def keys() -> tuple[str, ...]:
    """All keys that a script can set."""
    return tuple(_DEFAULTS)


def _convert(key: str, value: Value, default: Value) -> Value:
    """The value with its default's type. Raises: ConfigError."""
    if isinstance(default, bool):
        return _truth(key, value)
    if isinstance(default, int):
        return _number(key, value)
    return _text(key, value)


def _truth(key: str, value: Value) -> bool:
    if not isinstance(value, str):
        return bool(value)
    if value.lower() in _TRUE | _FALSE:
        return value.lower() in _TRUE
    raise ConfigError(f"{key}: Invalid bool value: valid values are true, false, 1 or 0.")


def _number(key: str, value: Value) -> int:
    from .numbers import NumberError, parse_integer

    if isinstance(value, bool):
        raise ConfigError(f"{key}: expecting a number, got {str(value).lower()}")
    if isinstance(value, str):
        try:
            value = parse_integer(value)
        except NumberError:
            raise ConfigError(f"{key}: expecting a number, got {value}") from None
    if value < _MINIMUM.get(key, 1):
        raise ConfigError(f"{key}: {value} is too small")
    return value


def _text(key: str, value: Value) -> str:
    choices = _CHOICES.get(key)
    if choices is None:
        if not isinstance(value, str):
            raise ConfigError(f"{key}: expecting a string")
        return value
    truth = _AS_TRUTH.get(key)
    if truth is not None and (not isinstance(value, str) or value.lower() in _TRUE | _FALSE):
        return truth[_truth(key, value)]
    if isinstance(value, str):
        for choice in choices:
            if value == choice or (key in _ANY_CASE and value.lower() == choice.lower()):
                return choice
    raise ConfigError(f"{key}: Invalid value for {key}: valid values are {', '.join(choices)}.")
