"""The script's config block: its errors have places, its values are in force behind the pass."""

from __future__ import annotations

import pytest
from pybpftrace.core.config import Config
from pybpftrace.passes.parse.config import ApplyConfig
from staged import Staged


def block(text: str, config: Config | None = None) -> Staged:
    return Staged(f"config = {{ {text} }} begin {{ }}", ApplyConfig(), config=config)


def test_entries_of_every_kind_of_value_are_put_in_force() -> None:
    config = block(
        'max_strlen = 0x40; license = "Dual BSD/GPL"; print_maps_on_exit = false; stack_mode = perf; LOG_SIZE = 1e5'
    ).compilation.config
    assert (config.max_strlen, config.license, config.print_maps_on_exit) == (64, "Dual BSD/GPL", False)
    assert (config.stack_mode, config.log_size) == ("perf", 100000)


def test_the_last_of_two_values_counts() -> None:
    assert block("max_strlen = 5; max_strlen = 6;").compilation.config.max_strlen == 6


def test_a_script_without_a_block_leaves_the_configuration_alone() -> None:
    config = Config(max_strlen=5)
    assert Staged("begin { }", ApplyConfig(), config=config).compilation.config is config


def test_the_environment_wins() -> None:
    config = Config.from_environment({"BPFTRACE_STACK_MODE": "raw"})
    assert block("stack_mode = perf", config).compilation.config.stack_mode == "raw"


def test_an_unknown_key_is_an_error_that_guesses_what_was_meant() -> None:
    script = block("MAX_STRLN = 5")
    assert script.message == "ERROR: MAX_STRLN: not a known configuration option"
    assert script.hints == ["did you mean 'max_strlen'?"]
    assert script.marked() == ["MAX_STRLN = 5"]


def test_a_bad_value_is_an_error_at_the_entry() -> None:
    script = block("max_strlen = long")
    assert script.message == "ERROR: max_strlen: expecting a number, got long"
    assert script.marked() == ["max_strlen = long"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("btf = 1", "ERROR: btf: can only be set as an environment variable"),
        ("strlen = 5", "WARNING: strlen has been renamed, please use max_strlen"),
        ("symbol_source = 5", "WARNING: symbol_source is deprecated and has no effect"),
    ],
)
def test_what_the_configuration_says_of_a_key_gets_its_place(text: str, message: str) -> None:
    script = block(text)
    assert script.message == message
    assert script.marked() == [text]


def test_all_errors_of_a_block_are_found_in_one_run() -> None:
    assert len(block("max_strlen = a; max_probes = b; nothing = 1").messages) == 3
