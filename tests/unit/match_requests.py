"""What tests hand to probe types where the compiler hands them its own request."""

from __future__ import annotations

from collections.abc import Callable

from pybpftrace.core.probe import ConcretePoint, MatchRequest
from pybpftrace.core.target import Target


def request(
    target: Target,
    *,
    pid: int | None = None,
    allows_unsafe: bool = False,
    probes_everything: bool = False,
    missing_probes: str = "error",
    warn: Callable[[str], None] | None = None,
) -> MatchRequest:
    """`warn` is called with each warning; without it there must be none."""

    def points_of(text: str) -> list[ConcretePoint]:
        raise AssertionError(f"no other probe types here: {text}")

    def no_warning(text: str) -> None:
        raise AssertionError(f"unexpected warning: {text}")

    return MatchRequest(
        target=target,
        pid=pid,
        allows_unsafe=allows_unsafe,
        probes_everything=probes_everything,
        missing_probes=missing_probes,
        warn=warn or no_warning,
        points_of=points_of,
    )
