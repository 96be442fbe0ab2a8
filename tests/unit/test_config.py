"""Configuration: keys, values, and which of environment and script wins."""

from __future__ import annotations

import subprocess
import sys

import pytest
from pybpftrace.core.config import Config, ConfigError, UnknownKey, Value, keys


def entry(key: str, value: Value) -> object:
    """What a config block with one entry makes of its key."""
    config, _ = Config().with_entry(key, value)
    return config.to_data()[key.lower().removeprefix("bpftrace_")]


def refusal(key: str, value: Value) -> str:
    with pytest.raises(ConfigError) as caught:
        Config().with_entry(key, value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("key", "default"),
    [
        ("cpp_demangle", True),
        ("lazy_symbolication", True),
        ("license", "GPL"),
        ("log_size", 1000000),
        ("max_bpf_progs", 1024),
        ("max_cat_bytes", 10240),
        ("max_map_keys", 4096),
        ("max_probes", 1024),
        ("max_strlen", 1024),
        ("missing_probes", "error"),
        ("on_stack_limit", 32),
        ("perf_rb_pages", 0),
        ("print_maps_on_exit", True),
        ("stack_mode", "bpftrace"),
        ("str_trunc_trailer", ".."),
        ("unstable_tseries", "warn"),
        ("unstable_dw_ustack", "warn"),
        ("unstable_typeinfo", "error"),
        ("unstable_import_statement", "error"),
    ],
)
def test_a_key_that_nobody_sets_has_its_default(key: str, default: object) -> None:
    assert Config().to_data()[key] == default


@pytest.mark.parametrize("key", ["stack_mode", "STACK_MODE", "BPFTRACE_STACK_MODE", "bpftrace_Stack_Mode"])
def test_a_key_has_any_letter_case_and_may_carry_the_prefix(key: str) -> None:
    config, warning = Config().with_entry(key, "perf")
    assert (config.stack_mode, warning) == ("perf", None)


def test_a_key_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(UnknownKey) as caught:
        Config().with_entry("max_strln", 5)
    assert str(caught.value) == "max_strln: not a known configuration option"


def test_the_record_of_what_the_environment_set_is_no_key() -> None:
    assert "environment_keys" not in keys()
    assert refusal("environment_keys", "x") == "environment_keys: not a known configuration option"


@pytest.mark.parametrize("key", ["btf", "kernel_build", "KERNEL_SOURCE", "BPFTRACE_VMLINUX"])
def test_some_keys_are_for_the_environment_alone(key: str) -> None:
    assert refusal(key, "x") == f"{key}: can only be set as an environment variable"


@pytest.mark.parametrize(
    ("old", "new", "value"),
    [
        ("strlen", "max_strlen", 77),
        ("map_keys_max", "max_map_keys", 77),
        ("cat_bytes_max", "max_cat_bytes", 77),
        ("no_cpp_demangle", "cpp_demangle", False),
    ],
)
def test_an_old_name_sets_the_new_key_with_a_warning(old: str, new: str, value: Value) -> None:
    config, warning = Config().with_entry(old, value)
    assert config.to_data()[new] == value
    assert warning == f"{old} has been renamed, please use {new}"


@pytest.mark.parametrize(
    "key",
    [
        "symbol_source",
        "max_type_res_iterations",
        "unstable_addr",
        "unstable_import",
        "unstable_macro",
        "unstable_map_decl",
    ],
)
def test_a_key_without_effect_is_a_warning_as_it_is_spelled_and_else_unknown(key: str) -> None:
    assert Config().with_entry(key, "anything") == (Config(), f"{key} is deprecated and has no effect")
    assert refusal(key.upper(), "anything") == f"{key.upper()}: not a known configuration option"


@pytest.mark.parametrize("value", ["1", "true", "on", "yes", "TRUE", "On", True, 1, 7])
def test_a_truth_value_is_true(value: Value) -> None:
    assert entry("print_maps_on_exit", value) is True


@pytest.mark.parametrize("value", ["0", "false", "off", "no", "NO", False, 0])
def test_a_truth_value_is_false(value: Value) -> None:
    assert entry("print_maps_on_exit", value) is False


def test_another_text_is_no_truth_value() -> None:
    expected = "cpp_demangle: Invalid bool value: valid values are true, false, 1 or 0."
    assert refusal("cpp_demangle", "maybe") == expected


@pytest.mark.parametrize(("value", "number"), [(64, 64), ("64", 64), ("0x40", 64), ("1e3", 1000), ("0b11", 3)])
def test_a_number_takes_every_integer_form(value: Value, number: int) -> None:
    assert entry("max_strlen", value) == number


@pytest.mark.parametrize(("value", "shown"), [("long", "long"), ("-1", "-1"), ("1.5", "1.5"), (True, "true")])
def test_what_is_no_number_is_refused(value: Value, shown: str) -> None:
    assert refusal("max_strlen", value) == f"max_strlen: expecting a number, got {shown}"


def test_a_number_can_be_too_small() -> None:
    assert refusal("max_map_keys", 0) == "max_map_keys: 0 is too small"
    assert entry("on_stack_limit", 0) == 0
    assert entry("perf_rb_pages", 0) == 0


@pytest.mark.parametrize(
    "license_",
    ["GPL", "GPL v2", "GPL and additional rights", "Dual BSD/GPL", "Dual MIT/GPL", "Dual MPL/GPL"],
)
def test_a_license_is_one_that_the_kernel_takes_for_gpl(license_: str) -> None:
    assert entry("license", license_) == license_


@pytest.mark.parametrize("value", ["MIT", "gpl", 1])
def test_another_license_is_refused(value: Value) -> None:
    assert refusal("license", value).startswith("license: Invalid value for license")


@pytest.mark.parametrize(("value", "meant"), [("WARN", "warn"), ("ignore", "ignore"), ("Error", "error")])
def test_missing_probes_takes_words_in_any_letter_case(value: Value, meant: str) -> None:
    assert entry("missing_probes", value) == meant


@pytest.mark.parametrize("value", [0, 1, "1", True, "perhaps"])
def test_missing_probes_takes_nothing_else(value: Value) -> None:
    assert refusal("missing_probes", value).startswith("missing_probes: Invalid value for missing_probes")


@pytest.mark.parametrize("value", ["bpftrace", "perf", "raw", "build_id"])
def test_stack_modes(value: str) -> None:
    assert entry("stack_mode", value) == value
    assert refusal("stack_mode", value.upper()).startswith("stack_mode: Invalid value for stack_mode")


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        ("per_pid", "PER_PID"),
        ("PER_PROGRAM", "PER_PROGRAM"),
        ("none", "NONE"),
        (0, "NONE"),
        ("0", "NONE"),
        (1, ""),
        ("1", ""),
    ],
)
def test_cache_user_symbols_takes_words_and_numbers(value: Value, meant: str) -> None:
    assert entry("cache_user_symbols", value) == meant


@pytest.mark.parametrize(
    ("value", "meant"),
    [("enable", "enable"), ("warn", "warn"), ("error", "error"), (1, "enable"), ("off", "error"), (True, "enable")],
)
@pytest.mark.parametrize(
    "key", ["unstable_tseries", "unstable_dw_ustack", "unstable_typeinfo", "unstable_import_statement"]
)
def test_unstable_features_are_enabled_warned_of_or_refused(key: str, value: Value, meant: str) -> None:
    assert entry(key, value) == meant


def test_a_text_is_a_text() -> None:
    assert entry("str_trunc_trailer", "...") == "..."
    assert refusal("str_trunc_trailer", 5) == "str_trunc_trailer: expecting a string"


def test_the_environment_sets_keys_by_their_upper_case_names() -> None:
    config = Config.from_environment({"BPFTRACE_MAX_STRLEN": "0x80", "BPFTRACE_MISSING_PROBES": "Warn", "PATH": "/"})
    assert (config.max_strlen, config.missing_probes) == (128, "warn")


def test_the_environment_does_not_know_the_old_names() -> None:
    assert Config.from_environment({"BPFTRACE_STRLEN": "5", "BPFTRACE_NO_CPP_DEMANGLE": "5"}) == Config()


def test_a_bad_value_in_the_environment_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"^max_strlen: expecting a number, got long$"):
        Config.from_environment({"BPFTRACE_MAX_STRLEN": "long"})


def test_the_environment_wins_over_the_block_even_with_a_default() -> None:
    config = Config.from_environment({"BPFTRACE_MAX_STRLEN": "1024"})
    config, _ = config.with_entry("max_strlen", 64)
    config, _ = config.with_entry("max_map_keys", 64)
    assert (config.max_strlen, config.max_map_keys) == (1024, 64)


def test_a_value_that_the_environment_overrides_is_checked_all_the_same() -> None:
    config = Config.from_environment({"BPFTRACE_MAX_STRLEN": "1024"})
    with pytest.raises(ConfigError):
        config.with_entry("max_strlen", "long")


def test_the_environment_s_keys_are_part_of_the_data_that_a_cached_program_is_found_by() -> None:
    assert Config.from_environment({"BPFTRACE_MAX_STRLEN": "1024"}).to_data() != Config().to_data()


def test_the_data_give_the_configuration_again() -> None:
    config = Config.from_environment({"BPFTRACE_MAX_STRLEN": "99", "BPFTRACE_LICENSE": "GPL v2"})
    assert Config.from_data(config.to_data()) == config


def test_reading_the_environment_needs_no_parser_of_numbers_without_a_number() -> None:
    code = (
        "import sys; from pybpftrace.core.config import Config; Config.from_environment({'BPFTRACE_LICENSE': 'GPL'});"
        "assert 'pybpftrace.core.numbers' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
