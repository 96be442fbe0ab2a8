"""What probe types have in common when they read the parts of an attach point.

It knows the error texts that users of bpftrace know, and nothing of any probe type in particular.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ...core.glob import glob
from ...core.probe import AttachPointError, MatchRequest


def check_count(provider: str, parts: tuple[str, ...], *accepted: int) -> None:
    """Raises: AttachPointError: when there are not as many parts as the probe type takes; the provider is not one."""
    if len(parts) not in accepted:
        numbers = " or ".join(map(str, accepted))
        raise AttachPointError(f"{provider} probe type requires {numbers} arguments, found {len(parts)}")


def read_number(text: str, complaint: str, *, maximum: int = 2**63 - 1) -> int:
    """Raises: AttachPointError: `complaint`, a colon, and what is wrong with the number."""
    # Attaching reads no numbers, and a cached run only attaches.
    from ...core.numbers import NumberError, parse_integer

    try:
        return parse_integer(text, maximum=maximum)
    except NumberError as error:
        raise AttachPointError(f"{complaint}: {error}") from error


def listed_names(provider: str, endings: Iterable[str], parts: tuple[str, ...]) -> Iterator[str]:
    """`PROVIDER:ENDING` for each ending that a pattern of `-l` names; an ending's last colon need not be in it."""
    accepts = glob(":".join(parts)).fullmatch
    return (f"{provider}:{ending}" for ending in endings if accepts(ending) or accepts(ending.removesuffix(":")))


def refuse_everything(provider: str, module: str, function: str, count: int, request: MatchRequest) -> None:
    """Of a pattern for functions of the kernel that leaves none out, without --probe-everything.

    Every function of one module is not everything. Raises: AttachPointError.
    """
    if request.probes_everything or set(function) != {"*"} or set(module or "*") != {"*"}:
        return
    raise AttachPointError(
        f"{provider}:{function} would probe every function of the kernel: {count} of them",
        ("name fewer with a narrower pattern, or use --probe-everything; the machine may become very slow",),
    )
