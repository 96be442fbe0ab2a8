"""Third-party plugins: how they are found, and what is said when one cannot be used."""

from __future__ import annotations

import os
import sys
from importlib.metadata import entry_points as standard_entry_points
from pathlib import Path

import pytest
from pybpftrace.core.pipeline import plugin_manager
from pybpftrace.core.plugins import (
    GROUP,
    InstalledPlugin,
    entry_points,
    import_plugin,
    installed_plugins,
    register_plugins,
    scan,
)
from pybpftrace.core.registry import PluginError


def install(directory: Path, distribution: str, entry: str, module: str = "") -> None:
    """Makes what pip leaves behind when it installs a package with one entry point."""
    info = directory / f"{distribution}-1.2.dist-info"
    info.mkdir(parents=True)
    (info / "entry_points.txt").write_text(f"[console_scripts]\nx = y:z\n\n[{GROUP}]\n{entry}\n")
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\n")
    if module:
        (directory / f"{entry.partition('=')[2].strip().partition(':')[0]}.py").write_text(module)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory of installed packages that is first on sys.path, with a cache directory of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    directory = tmp_path / "site"
    directory.mkdir(mode=0o755)
    monkeypatch.syspath_prepend(str(directory))
    return directory


def test_only_lines_of_the_groups_own_section_are_entry_points() -> None:
    text = "[other]\na = b\n[pybpftrace]\n# note\n\nhello = pkg.mod:Thing\nx=y\n[more]\nc = d\n"
    assert entry_points(text) == [("hello", "pkg.mod:Thing"), ("x", "y")]


def test_an_installed_plugin_is_found_as_importlib_finds_it(site: Path) -> None:
    install(site, "hello_plugin", "hello = hello_module:THING")
    found = [p for p in installed_plugins(remember=False) if p.name == "hello"]
    assert found == [InstalledPlugin("hello", "hello_module:THING", "hello_plugin", "1.2")]
    assert [e.value for e in standard_entry_points(group=GROUP, name="hello")] == ["hello_module:THING"]


def test_the_scan_is_remembered_until_a_package_comes_or_goes(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(site, "one", "one = m1")
    assert "one" in {p.name for p in installed_plugins()}
    with monkeypatch.context() as patch:
        patch.setattr("pybpftrace.core.plugins.scan", lambda directories: pytest.fail("scanned again"))
        assert "one" in {p.name for p in installed_plugins()}
    install(site, "two", "two = m2")
    assert {"one", "two"} <= {p.name for p in installed_plugins()}


def test_a_damaged_memory_of_the_scan_is_ignored(site: Path, tmp_path: Path) -> None:
    install(site, "one", "one = m1")
    installed_plugins()
    (tmp_path / "cache" / "pybpftrace" / "plugins.json").write_text("[[], [1]]")
    assert "one" in {p.name for p in installed_plugins()}


def test_the_first_copy_of_a_distribution_counts(tmp_path: Path) -> None:
    install(tmp_path / "a", "one", "one = first")
    install(tmp_path / "b", "one", "one = second")
    assert [p.value for p in scan([str(tmp_path / "a"), str(tmp_path / "b")])] == ["first"]


def test_nothing_is_taken_from_a_directory_that_everybody_can_write(site: Path) -> None:
    install(site, "one", "one = m1")
    os.chmod(site, 0o1777)
    assert "one" not in {p.name for p in installed_plugins(remember=False)}


def test_a_plugin_that_fits_is_registered_under_its_name(site: Path) -> None:
    install(site, "one", "one = plugin_fits:THING", "API_VERSION = 1\nclass Plugin: pass\nTHING = Plugin()\n")
    manager = plugin_manager([])
    register_plugins(manager, [InstalledPlugin("one", "plugin_fits:THING", "one", "1.2")])
    assert type(manager.get_plugin("one")).__module__ == "plugin_fits"


@pytest.mark.parametrize(
    ("stem", "module", "why"),
    [
        ("raises", "1 / 0", "plugin 'one' (plugin_raises:THING) cannot be imported: ZeroDivisionError: division"),
        ("lacks", "API_VERSION = 1", "cannot be imported: AttributeError: module 'plugin_lacks' has no attribute"),
        ("old", "API_VERSION = 0\nTHING = 1", "plugin 'one' (plugin_old:THING) is for API version 0, this is 1"),
        ("mute", "THING = 1", "plugin 'one' (plugin_mute:THING) is for API version None, this is 1"),
    ],
)
def test_a_plugin_that_cannot_be_used_is_named_in_one_line(site: Path, stem: str, module: str, why: str) -> None:
    (site / f"plugin_{stem}.py").write_text(module)
    with pytest.raises(PluginError) as refusal:
        import_plugin(InstalledPlugin("one", f"plugin_{stem}:THING", "one", "1.2"))
    assert why in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_plugin_that_is_not_installed_is_named() -> None:
    with pytest.raises(PluginError, match="cannot be imported: ModuleNotFoundError"):
        import_plugin(InstalledPlugin("one", "plugin_nowhere", "one", "1.2"))


def test_two_plugins_of_one_name_are_refused(site: Path) -> None:
    (site / "plugin_twin.py").write_text("API_VERSION = 1\n")
    twin = InstalledPlugin("twin", "plugin_twin", "twin", "1")
    with pytest.raises(PluginError, match="there is another plugin of that name"):
        register_plugins(plugin_manager([]), [twin, twin])


def test_a_hook_with_an_argument_that_does_not_exist_is_refused_in_one_line(site: Path) -> None:
    (site / "plugin_misfit.py").write_text(
        "from pybpftrace.core.hookspecs import hookimpl\nAPI_VERSION = 1\n@hookimpl\ndef parse(nonsense): pass\n"
    )
    with pytest.raises(PluginError) as refusal:
        register_plugins(plugin_manager([]), [InstalledPlugin("m", "plugin_misfit", "m", "1")])
    assert "nonsense" in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_scanning_needs_no_importlib_metadata(site: Path) -> None:
    import subprocess

    code = "import sys; from pybpftrace.core.plugins import installed_plugins; installed_plugins();"
    done = subprocess.run(
        [sys.executable, "-c", f"{code} print('importlib.metadata' in sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "False\n"
