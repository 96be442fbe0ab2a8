"""The house put together for one run: the pipeline with its built-in stages, third-party plugins and observers.

Which plugins there are is asked here once; the compile cache's key and `--list-plugins` use the same answer.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from ..core.plugins import InstalledPlugin, installed_plugins, register_plugins

if TYPE_CHECKING:
    import pluggy

    from ..core.pipeline import Pipeline


class InvariantError(Exception):
    """A stage handed on something that breaks the rules of its artifact; --verify-each found it."""


class House:
    """What a run needs of the house, each part made when it is first asked for.

    `plugins` lets third-party plugins in, which `remember` lets the cache directory tell. `use` has (stage, plugin)
    pairs, for stages that several plugins can do. `stop_after` names the last stage. `observers` are (name, plugin)
    pairs.
    """

    def __init__(
        self,
        *,
        plugins: bool = True,
        remember: bool = True,
        use: Sequence[tuple[str, str]] = (),
        stop_after: str | None = None,
        observers: Sequence[tuple[str, object]] = (),
    ) -> None:
        self.use = dict(use)
        self.stop_after = stop_after
        self._plugins = plugins
        self._remember = remember
        self._observers = observers

    @cached_property
    def third_party(self) -> list[InstalledPlugin]:
        return installed_plugins(remember=self._remember) if self._plugins else []

    @cached_property
    def manager(self) -> pluggy.PluginManager:
        """Raises: PluginError: a plugin that cannot be used."""
        from ..core.pipeline import plugin_manager
        from ..passes import builtin_plugins

        manager = plugin_manager(builtin_plugins())
        register_plugins(manager, self.third_party)
        for name, observer in self._observers:
            manager.register(observer, name=f"observer {name}")
        return manager

    @cached_property
    def pipeline(self) -> Pipeline:
        """Stops only after stages that compile: a session is ended in its own way. Raises: PluginError."""
        from ..core.pipeline import COMPILE_STAGES, Pipeline

        compiles = self.stop_after in {stage.name for stage in COMPILE_STAGES}
        return Pipeline(self.manager, use=self.use, stop_after=self.stop_after if compiles else None)

    def plugin_stamps(self) -> list[object]:
        """Plain data that changes when a third-party plugin does: what it is called, and its module's size and time."""
        stamps: list[object] = []
        for plugin in self.third_party:
            _ = self.manager  # imports the plugins, which are part of the run anyway
            file = getattr(sys.modules.get(plugin.module), "__file__", None)
            status = os.stat(file) if file else None
            stamps.append(
                [plugin.name, plugin.value, plugin.version, status and [status.st_size, status.st_mtime_ns]]
            )
        return stamps
