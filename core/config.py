"""Configuration: the keys that change what is compiled or printed, and the environment variables that set them.

Each key is a field of `Config`; `Config.from_environment` reads the twins `BPFTRACE_<KEY>`. Values are plain data,
because they are part of the compile cache's key and travel inside the compiled program.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from .frozen import dataclass


class ConfigError(ValueError):
    """A value that its key does not accept; the text is `KEY: why`."""


@dataclass(frozen=True, slots=True)
class Config:
    """Sizes are bytes; `perf_rb_pages` is the event ring buffer in pages, 0 for a size by the memory available."""

    max_strlen: int = 1024
    max_map_keys: int = 4096
    max_probes: int = 1024
    perf_rb_pages: int = 0
    log_size: int = 1_000_000
    on_stack_limit: int = 32
    print_maps_on_exit: bool = True
    stack_mode: str = "bpftrace"
    str_trunc_trailer: str = ".."

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Config:
        """Raises: ConfigError: for a value that cannot be converted."""
        values: dict[str, int | bool | str] = {}
        for key, default in asdict(cls()).items():
            text = environment.get(f"BPFTRACE_{key.upper()}")
            if text is not None:
                values[key] = _convert(key, text, default)
        return cls(**values)  # type: ignore[arg-type]  # each value has its default's type, see _convert

    def to_data(self) -> dict[str, int | bool | str]:
        return asdict(self)

    @classmethod
    def from_data(cls, data: Mapping[str, int | bool | str]) -> Config:
        """Raises: TypeError: for a key that is not known."""
        return cls(**data)  # type: ignore[arg-type]  # made by to_data


_TRUE, _FALSE = {"1", "true", "on", "yes"}, {"0", "false", "off", "no"}
_CHOICES = {"stack_mode": ("bpftrace", "perf", "raw")}


def _convert(key: str, text: str, default: int | bool | str) -> int | bool | str:
    if isinstance(default, bool):
        if text.lower() in _TRUE | _FALSE:
            return text.lower() in _TRUE
        raise ConfigError(f"{key}: Invalid bool value: valid values are true, false, 1 or 0.")
    if isinstance(default, int):
        try:
            number = int(text.replace("_", ""), 0)
        except ValueError:
            raise ConfigError(f"{key}: expecting a number, got {text}") from None
        if number < (0 if key == "perf_rb_pages" else 1):
            raise ConfigError(f"{key}: {number} is too small")
        return number
    if text not in _CHOICES.get(key, (text,)):
        raise ConfigError(f"{key}: valid values are {', '.join(_CHOICES[key])}")
    return text
