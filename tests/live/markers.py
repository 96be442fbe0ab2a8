"""Static markers for traced C programs, from the documented format of their notes, so that no package is needed.

`MARKER(provider, name, arguments, operands...)` is a marker without a semaphore; `GUARDED_MARKER` has the one that
`SEMAPHORE(provider, name)` defined. `arguments` is the text of the note in which `%0`, `%1`, ... are the operands:
`MARKER("app", "turn", "-4@%0 8@%1", NOR(a), NOR(b))`.
"""

from __future__ import annotations

HEADER = r"""
#define NOR(value) "nor"(value)
#define REGISTER(value) "r"(value)
#define MEMORY(value) "m"(value)
#if __SIZEOF_POINTER__ == 8
#define MARKER_WORD ".8byte "
#else
#define MARKER_WORD ".4byte "
#endif

/* A note: sizes of name and descriptor, type 3, "stapsdt", then the addresses of the marker, of the base section and of
   the semaphore, and three strings. */
#define MARKER_NOTE(semaphore, provider, name, arguments, ...) \
    __asm__ volatile( \
        "990: nop\n" \
        ".pushsection .note.stapsdt, \"\", \"note\"\n" \
        ".balign 4\n" \
        ".4byte 992f - 991f, 994f - 993f, 3\n" \
        "991: .asciz \"stapsdt\"\n" \
        "992: .balign 4\n" \
        "993: " MARKER_WORD "990b, marker_base, " semaphore "\n" \
        ".asciz \"" provider "\"\n" \
        ".asciz \"" name "\"\n" \
        ".asciz \"" arguments "\"\n" \
        "994: .balign 4\n" \
        ".popsection\n" \
        ".ifndef marker_base\n" \
        ".pushsection .stapsdt.base, \"aG\", \"progbits\", .stapsdt.base, comdat\n" \
        ".weak marker_base\n" \
        ".hidden marker_base\n" \
        "marker_base: .space 1\n" \
        ".popsection\n" \
        ".endif\n" \
        :: __VA_ARGS__)

#define MARKER(provider, name, arguments, ...) MARKER_NOTE("0", provider, name, arguments, __VA_ARGS__)
#define GUARDED_MARKER(provider, name, arguments, ...) \
    MARKER_NOTE(provider "_" name "_semaphore", provider, name, arguments, __VA_ARGS__)
#define SEMAPHORE(provider, name) \
    __attribute__((section(".probes"), used)) volatile unsigned short provider##_##name##_semaphore
"""
