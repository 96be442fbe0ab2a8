"""The flags of the kernel's memory allocations as names (`%gr`): include/linux/gfp_types.h.

Compounds come before the flags that they are made of; whatever has no name is shown as a number.
"""

from __future__ import annotations

_IN_ORDER_OF_BITS = (
    "DMA HIGHMEM DMA32 MOVABLE RECLAIMABLE HIGH IO FS ZERO UNUSED DIRECT_RECLAIM KSWAPD_RECLAIM WRITE NOWARN "
    "RETRY_MAYFAIL NOFAIL NORETRY MEMALLOC COMP NOMEMALLOC HARDWALL THISNODE ACCOUNT ZEROTAGS SKIP_ZERO SKIP_KASAN "
    "NO_OBJ_EXT"
)
_IN_ORDER_OF_NAMES = (
    "HIGHMEM DMA32 HIGH IO FS ZERO DIRECT_RECLAIM KSWAPD_RECLAIM WRITE NOWARN RETRY_MAYFAIL NOFAIL NORETRY MEMALLOC "
    "COMP NOMEMALLOC HARDWALL THISNODE ACCOUNT ZEROTAGS SKIP_ZERO SKIP_KASAN NO_OBJ_EXT"
)
_BITS = {name: 1 << bit for bit, name in enumerate(_IN_ORDER_OF_BITS.split())}


def _bits(names: str) -> int:
    return sum(_BITS[name] for name in names.split())


_RECLAIM = _bits("DIRECT_RECLAIM KSWAPD_RECLAIM")
_NOIO = _RECLAIM
_NOFS = _NOIO | _bits("IO")
_KERNEL = _RECLAIM | _bits("IO FS")
_USER = _NOFS | _bits("FS HARDWALL")
_HIGHUSER = _USER | _bits("HIGHMEM")
_HIGHUSER_MOVABLE = _HIGHUSER | _bits("MOVABLE SKIP_KASAN")
_TRANSHUGE_LIGHT = (_HIGHUSER_MOVABLE | _bits("COMP NOMEMALLOC NOWARN")) & ~_RECLAIM

#: (mask, name) in the order in which they are looked for.
_NAMES = (
    (_TRANSHUGE_LIGHT | _bits("DIRECT_RECLAIM"), "GFP_TRANSHUGE"),
    (_TRANSHUGE_LIGHT, "GFP_TRANSHUGE_LIGHT"),
    (_HIGHUSER_MOVABLE, "GFP_HIGHUSER_MOVABLE"),
    (_HIGHUSER, "GFP_HIGHUSER"),
    (_USER, "GFP_USER"),
    (_KERNEL | _bits("ACCOUNT"), "GFP_KERNEL_ACCOUNT"),
    (_KERNEL, "GFP_KERNEL"),
    (_NOFS, "GFP_NOFS"),
    (_bits("HIGH KSWAPD_RECLAIM"), "GFP_ATOMIC"),
    (_NOIO, "GFP_NOIO"),
    (_bits("KSWAPD_RECLAIM NOWARN"), "GFP_NOWAIT"),
    (_bits("DMA"), "GFP_DMA"),
    *(
        (_BITS[name], "GFP_DMA32" if name == "DMA32" else f"__GFP_{name}")
        for name in _IN_ORDER_OF_NAMES.split()
    ),
)


def gfp_flags(value: int) -> bytes:
    """The names with `|` between them; 0 is `0`."""
    found, rest = [], value
    for mask, name in _NAMES:
        if rest & mask == mask:
            found.append(name)
            rest &= ~mask
    if rest or not found:
        found.append(f"0x{rest:x}" if rest else "0")
    return "|".join(found).encode()
