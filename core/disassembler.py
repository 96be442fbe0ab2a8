"""Writes BPF bytecode as text, in the C-like notation of LLVM's BPF assembler: `r1 = r2`, `if w1 s> 5 goto +3`.

It is for people, so it never fails on strange bytes, and no field that is set goes unseen: an instruction that uses a
field which its notation does not show is `<malformed ...>`. It knows nothing of the compiler's artifacts.

All of RFC 9669, and what Linux has beyond it. The notation differs from llvm-objdump's (LLVM 14 to 22) as follows:

- helpers have names, `call bpf_map_lookup_elem`; calls within the program a sign, `call +12`; kernel functions the
  number of their BTF type, `call kfunc 123`;
- 64-bit constants are hexadecimal, `r1 = 0xff ll`, and show the meaning that `src` gives them: `r1 = map[fd:5] ll`;
- 32-bit loads, stores and atomics name the 32-bit register always, as llvm-objdump does with `--mattr=+alu32`;
- indirect packet loads show their offset, `r0 = *(u8 *)skb[r1 + 4]`; LLVM drops it;
- jumps have no `<symbol+0x8>` behind them;
- reserved fields must be 0, and the instructions of cpu v4 are known; LLVM 14 shows `s/=` as `/=`, `(s8)r2` as `r2`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from . import bytecode as b
from .bpf_helpers import HELPER_NAMES
from .bytecode import Instruction
from .frozen import dataclass


@dataclass(frozen=True, slots=True)
class DisassembledInstruction:
    """One instruction: number of its first slot, its 8 bytes (a 64-bit constant's 16) in hexadecimal, its text."""

    index: int
    raw: str
    text: str


@dataclass(frozen=True, slots=True)
class _Form:
    """One way to write an opcode, for instructions whose fields in `fixed` have these values.

    `free` are the fields that the text shows; all others must be 0. `next` is the `imm` of a second slot.
    """

    text: str
    fixed: tuple[tuple[str, int], ...]
    free: frozenset[str]


#: What may stand in braces in a form's text, and the fields that it shows.
_PLACES = {
    "dst": ("dst",),
    "src": ("src",),
    "imm": ("imm",),
    "offset": ("offset",),
    "memory": ("offset",),
    "packet": ("imm",),
    "helper": ("imm",),
    "imm64": ("imm", "next"),
    "next": ("next",),
    "to_space": ("imm",),
    "from_space": ("imm",),
}
_SIZES = {b.B: 8, b.H: 16, b.W: 32, b.DW: 64}
_ARITHMETIC = {
    b.ADD: "+=",
    b.SUB: "-=",
    b.MUL: "*=",
    b.DIV: "/=",
    b.OR: "|=",
    b.AND: "&=",
    b.LSH: "<<=",
    b.RSH: ">>=",
    b.MOD: "%=",
    b.XOR: "^=",
    b.MOV: "=",
    b.ARSH: "s>>=",
}
_SIGNED_ARITHMETIC = {b.DIV: "s/=", b.MOD: "s%="}
_CONDITIONS = {
    b.JEQ: "==",
    b.JGT: ">",
    b.JGE: ">=",
    b.JSET: "&",
    b.JNE: "!=",
    b.JSGT: "s>",
    b.JSGE: "s>=",
    b.JLT: "<",
    b.JLE: "<=",
    b.JSLT: "s<",
    b.JSLE: "s<=",
}
_ATOMIC_OPERATIONS = {b.ADD: ("+=", "add"), b.OR: ("|=", "or"), b.AND: ("&=", "and"), b.XOR: ("^=", "xor")}
_BYTE_ORDERS = {b.ALU | b.END | b.K: "le", b.ALU | b.END | b.X: "be", b.ALU64 | b.END: "bswap"}
_CONSTANTS = {
    0: "{imm64}",
    b.BPF_PSEUDO_MAP_FD: "map[fd:{imm}]",
    b.BPF_PSEUDO_MAP_VALUE: "map_value[fd:{imm}] + {next}",
    b.BPF_PSEUDO_BTF_ID: "btf_id[{imm}, fd:{next}]",
    b.BPF_PSEUDO_FUNC: "func[{imm:+}]",
    b.BPF_PSEUDO_MAP_IDX: "map[idx:{imm}]",
    b.BPF_PSEUDO_MAP_IDX_VALUE: "map_value[idx:{imm}] + {next}",
}
#: Opcodes with a form of their own. Where an opcode has more than one, the first that fits is used.
_SINGLE_FORMS: tuple[tuple[int, str, dict[str, int]], ...] = (
    (b.ALU64 | b.MOV | b.X, "r{dst} = (s32)r{src}", {"offset": 32}),
    (b.ALU64 | b.MOV | b.X, "r{dst} = addr_space_cast(r{src}, {to_space}, {from_space})", {"offset": 1}),
    (b.JMP | b.JA, "goto {offset:+}", {}),
    (b.JMP | b.JA | b.X, "gotox r{dst}", {}),
    (b.JMP32 | b.JA, "gotol {imm:+}", {}),
    (b.JMP | b.JCOND, "may_goto {offset:+}", {}),
    (b.JMP | b.CALL, "call {helper}", {}),
    (b.JMP | b.CALL, "call {imm:+}", {"src": b.BPF_PSEUDO_CALL}),
    (b.JMP | b.CALL, "call kfunc {imm}", {"src": b.BPF_PSEUDO_KFUNC_CALL}),
    # The offset is an index into the fd_array of BPF_PROG_LOAD, where the BTF of a kernel module is.
    (b.JMP | b.CALL, "call kfunc {imm} of btf[idx:{offset}]", {"src": b.BPF_PSEUDO_KFUNC_CALL}),
    (b.JMP | b.CALL | b.X, "callx r{dst}", {}),
    (b.JMP | b.EXIT, "exit", {}),
)


def _all_forms() -> Iterator[tuple[int, str, dict[str, int]]]:
    """(opcode, text, fixed fields) of everything that has a notation."""
    for kind, r in ((b.ALU, "w"), (b.ALU64, "r")):
        for operation, sign in _ARITHMETIC.items():
            yield kind | operation | b.K, f"{r}{{dst}} {sign} {{imm}}", {}
            yield kind | operation | b.X, f"{r}{{dst}} {sign} {r}{{src}}", {}
        for operation, sign in _SIGNED_ARITHMETIC.items():
            yield kind | operation | b.K, f"{r}{{dst}} {sign} {{imm}}", {"offset": 1}
            yield kind | operation | b.X, f"{r}{{dst}} {sign} {r}{{src}}", {"offset": 1}
        for bits in (8, 16):
            yield kind | b.MOV | b.X, f"{r}{{dst}} = (s{bits}){r}{{src}}", {"offset": bits}
        yield kind | b.NEG, f"{r}{{dst}} = -{r}{{dst}}", {}
    for opcode, order in _BYTE_ORDERS.items():
        for bits in (16, 32, 64):
            yield opcode, f"r{{dst}} = {order}{bits} r{{dst}}", {"imm": bits}

    for kind, r in ((b.JMP, "r"), (b.JMP32, "w")):
        for condition, sign in _CONDITIONS.items():
            yield kind | condition | b.K, f"if {r}{{dst}} {sign} {{imm}} goto {{offset:+}}", {}
            yield kind | condition | b.X, f"if {r}{{dst}} {sign} {r}{{src}} goto {{offset:+}}", {}

    for size, bits in _SIZES.items():
        r = "r" if bits == 64 else "w"
        yield b.LDX | b.MEM | size, f"{r}{{dst}} = *(u{bits} *)(r{{src}} {{memory}})", {}
        yield b.STX | b.MEM | size, f"*(u{bits} *)(r{{dst}} {{memory}}) = {r}{{src}}", {}
        yield b.ST | b.MEM | size, f"*(u{bits} *)(r{{dst}} {{memory}}) = {{imm}}", {}
        if size != b.DW:
            yield b.LDX | b.MEMSX | size, f"r{{dst}} = *(s{bits} *)(r{{src}} {{memory}})", {}
            yield b.LD | b.ABS | size, f"r0 = *(u{bits} *)skb[{{imm}}]", {}
            yield b.LD | b.IND | size, f"r0 = *(u{bits} *)skb[r{{src}}]", {}
            yield b.LD | b.IND | size, f"r0 = *(u{bits} *)skb[r{{src}} {{packet}}]", {}
        yield from _atomic_forms(b.STX | b.ATOMIC | size, bits, r)

    for source, constant in _CONSTANTS.items():
        yield b.LOAD_CONSTANT, f"r{{dst}} = {constant} ll", {"src": source}
    yield from _SINGLE_FORMS


def _atomic_forms(opcode: int, bits: int, r: str) -> Iterator[tuple[int, str, dict[str, int]]]:
    at = "r{dst} {memory}"
    yield opcode, f"{r}{{dst}} = load_acquire((u{bits} *)(r{{src}} {{memory}}))", {"imm": b.LOAD_ACQUIRE}
    yield opcode, f"store_release((u{bits} *)({at}), {r}{{src}})", {"imm": b.STORE_RELEASE}
    if bits < 32:
        return
    for operation, (sign, name) in _ATOMIC_OPERATIONS.items():
        yield opcode, f"lock *(u{bits} *)({at}) {sign} {r}{{src}}", {"imm": operation}
        fetched = f"{r}{{src}} = atomic_fetch_{name}((u{bits} *)({at}), {r}{{src}})"
        yield opcode, fetched, {"imm": operation | b.FETCH}
    # LLVM's spelling; the names of the two widths are not alike.
    width = {32: "32_32", 64: "_64"}[bits]
    yield opcode, f"{r}{{src}} = xchg{width}({at}, {r}{{src}})", {"imm": b.XCHG}
    yield opcode, f"{r}0 = cmpxchg{width}({at}, {r}0, {r}{{src}})", {"imm": b.CMPXCHG}


def _form_table() -> dict[int, list[_Form]]:
    table: dict[int, list[_Form]] = {}
    for opcode, text, fixed in _all_forms():
        free = frozenset(field for place in re.findall(r"\{(\w+)", text) for field in _PLACES[place])
        table.setdefault(opcode, []).append(_Form(text, tuple(fixed.items()), free))
    return table


_FORMS = _form_table()


def disassemble(
    insns: bytes,
    *,
    helper_names: Mapping[int, str] = HELPER_NAMES,
    relocations: Mapping[int, str] = {},
    functions: Mapping[int, str] = {},
) -> list[DisassembledInstruction]:
    """The instructions in order; indices and jumps count slots of 8 bytes, and a 64-bit constant fills two.

    `helper_names` are without their prefix `bpf_`; one that is not there is shown as its number. `relocations` says
    what the loader puts in place of the 64-bit constant at a slot: `{0: "map[@x]"}` gives `r1 = map[@x] ll`. The second
    `imm` is the offset from there, `r1 = map_value[@x] + 8 ll`; `src` and the first `imm` are the loader's, not shown.

    The call of a kernel function at such a slot is `call kernel NAME`.

    `functions` names the functions by their first slots: `r1 = func[each_key] ll`, `call each_key`.

    An opcode that does not exist is `<unknown opcode 0x..>`; one that exists, but with values in its fields that mean
    nothing (or a 64-bit constant without its second slot), is `<malformed opcode 0x..>`. Raises: ValueError: the length
    is not a multiple of 8.
    """
    slots = b.decode(insns)
    result = []
    index = 0
    while index < len(slots):
        first = slots[index]
        second = _second_slot(slots, index)
        target = functions.get(index + 1 + first.imm)
        if first.opcode == b.LOAD_CONSTANT and second is None:
            text = _malformed(first)
        elif target is not None and _refers_to_function(first, second):
            text = f"call {target}" if second is None else f"r{first.dst} = func[{target}] ll"
        else:
            text = _text(first, second.imm if second else 0, helper_names, relocations.get(index))
        end = index + (2 if second else 1)
        raw = insns[index * b.INSTRUCTION_SIZE : end * b.INSTRUCTION_SIZE].hex(" ")
        result.append(DisassembledInstruction(index, raw, text))
        index = end
    return result


def _second_slot(slots: list[Instruction], index: int) -> Instruction | None:
    if slots[index].opcode != b.LOAD_CONSTANT or index + 1 == len(slots):
        return None
    second = slots[index + 1]
    return None if second.opcode or second.dst or second.src or second.offset else second


def _refers_to_function(first: Instruction, second: Instruction | None) -> bool:
    if second is not None:
        return first.src == b.BPF_PSEUDO_FUNC and not first.offset and not second.imm
    return first.opcode == b.JMP | b.CALL and first.src == b.BPF_PSEUDO_CALL and not first.dst and not first.offset


def _malformed(instruction: Instruction) -> str:
    return f"<malformed opcode {instruction.opcode:#04x}>"


def _text(first: Instruction, next_imm: int, helper_names: Mapping[int, str], relocation: str | None) -> str:
    if first.opcode == b.LOAD_CONSTANT and relocation is not None:
        shift = f" + {next_imm & 0xFFFFFFFF}" if next_imm else ""
        return f"r{first.dst} = {relocation}{shift} ll"
    if (first.opcode, first.src) == (b.JMP | b.CALL, b.BPF_PSEUDO_KFUNC_CALL) and relocation is not None:
        return f"call kernel {relocation}"
    forms = _FORMS.get(first.opcode)
    if forms is None:
        return f"<unknown opcode {first.opcode:#04x}>"
    fields = {"dst": first.dst, "src": first.src, "offset": first.offset, "imm": first.imm, "next": next_imm}
    for form in forms:
        if _fits(form, fields):
            return form.text.format_map(_values(fields, helper_names))
    return _malformed(first)


def _fits(form: _Form, fields: dict[str, int]) -> bool:
    fixed = dict(form.fixed)
    return all(value == fixed.get(field, 0) for field, value in fields.items() if field not in form.free)


def _values(fields: dict[str, int], helper_names: Mapping[int, str]) -> dict[str, int | str]:
    """What stands in the places of a form, from an instruction's fields."""
    imm, following = fields["imm"], fields["next"] & 0xFFFFFFFF
    return {
        **fields,
        "memory": _signed(fields["offset"]),
        "packet": _signed(imm),
        # A number without a sign: `call -5` is a call within the program.
        "helper": f"bpf_{helper_names[imm]}" if imm in helper_names else str(imm & 0xFFFFFFFF),
        "imm64": hex(following << 32 | imm & 0xFFFFFFFF),
        "next": following,
        "to_space": imm >> 16 & 0xFFFF,
        "from_space": imm & 0xFFFF,
    }


def _signed(number: int) -> str:
    return f"- {-number}" if number < 0 else f"+ {number}"
