"""Features that may still change, and the config keys that allow them."""

from __future__ import annotations

import pytest
from pybpftrace.core.config import Config
from pybpftrace.passes.parse.config import ApplyConfig
from pybpftrace.passes.parse.unstable import CheckUnstable
from staged import Staged

USES = [
    ("tseries", "@ = tseries(1, 1s, 5);"),
    ("dw_ustack", "print(dw_ustack);"),
    ("dw_ustack", "print(dw_ustack(5));"),
    ("typeinfo", "print(typeinfo(1));"),
]


def checked(statement: str, key: str, choice: str) -> Staged:
    script = f"config = {{ {key} = {choice} }} begin {{ {statement} {statement} }}"
    return Staged(script, ApplyConfig(), CheckUnstable())


@pytest.mark.parametrize(("feature", "statement"), USES)
def test_the_first_use_is_warned_of_without_a_place(feature: str, statement: str) -> None:
    assert checked(statement, f"unstable_{feature}", "warn").printed() == (
        f"WARNING: Script is using an unstable feature: {feature}. To prevent this warning you must explicitly enable "
        f"it in the config e.g. unstable_{feature}=enable\n"
    )


@pytest.mark.parametrize(("feature", "statement"), USES)
def test_every_use_is_refused(feature: str, statement: str) -> None:
    script = checked(statement, f"unstable_{feature}", "error")
    message = (
        f"ERROR: {feature} feature is not enabled by default. To enable this unstable feature, set the config flag to "
        f"enable. unstable_{feature}=enable"
    )
    assert script.messages == [message] * 2


@pytest.mark.parametrize(("feature", "statement"), USES)
def test_a_feature_that_is_enabled_is_like_any_other(feature: str, statement: str) -> None:
    assert checked(statement, f"unstable_{feature}", "enable").messages == []


def test_the_defaults() -> None:
    messages = Staged("begin { @ = tseries(1, 1s, 5); typeinfo(1); }", CheckUnstable(), config=Config()).messages
    assert [message.partition(":")[0] for message in messages] == ["WARNING", "ERROR"]
