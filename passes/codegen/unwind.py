"""Code that unwinds the stack of a user's program by tables made of its binaries' .eh_frame (x86-64).

A callback of the kernel's loop does one frame: it finds the mapping, then the row, and follows the row's rules. A
program has it once, however many calls there are in it. Everything between rounds is in memory, of which the verifier
knows nothing, so that it looks at each path once. This file must not know where the tables come from
(`core.binary.unwind_rows` says what is in them).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ...core.artifacts import UNWIND_MAPPINGS_MAP, UNWIND_PROCESSES_MAP, UNWIND_ROWS_MAP
from ...core.binary.unwind_rows import CFA_SHIFT, FRAME_OFFSET_SHIFT, FRAME_SHIFT, CfaRule, FrameRule
from ...core.emitter import Value
from ...core.types import INT16, INT32, INT64, UINT8, UINT32, UINT64, VOID, Pointer
from .bpf_function import BpfFunction
from .llvm import I64, PTR
from .loops import callback_of
from .string_search import counted
from .values import OWN_MEMORY

if TYPE_CHECKING:
    from .emitter import ProgramEmitter

#: What is kept between rounds, offsets in bytes. It begins with what is copied of struct pt_regs
#: (arch/x86/include/asm/ptrace.h): rbp, ... rip, cs, flags, rsp. In between are registers of no interest.
_REGISTERS_AT, _REGISTERS_SIZE = 32, 128
_FRAME, _PLACE, _SEGMENT, _STACK = 0, 96, 104, 120
_COUNT, _START, _LENGTH, _BIAS, _ROWS, _PROCESS, _IS_EXACT, _CFA, _LOW, _LEFT, _RETURN = range(8, 96, 8)
_READ = _REGISTERS_SIZE
#: What a signal trampoline's rule asks for, of struct sigcontext_64 from its rbp on: rbp, ..., rsp, rip.
_SIGNAL_BEFORE, _SIGNAL_SIZE, _SIGNAL_STACK, _SIGNAL_PLACE = 40, 56, 40, 48
_STATE_SIZE = _READ + _SIGNAL_SIZE
#: Of a mapping and of a row.
_MAPPING_LENGTH, _MAPPING_BIAS, _MAPPING_ROWS, _RULES = 8, 16, 24, 8
#: Rounds of the searches: a process can have 2**20 - 1 mappings and a binary 2**24 - 1 rows.
_MAPPING_ROUNDS, _ROW_ROUNDS = 21, 25
#: Return addresses of uretprobes that are looked at for one frame.
_RETURN_ROUNDS = 8
_WORD = "unwinding"


def unwind_user(
    emitter: ProgramEmitter, header: int, limit: int, process: Value, returns: Sequence[int]
) -> tuple[Value, Value]:
    """The memory with the frames, and their number or -1. `core.emitter.Emitter` says more."""
    emitter.requires("loop", emitter.call)
    size = header + 8 * limit
    at = emitter.claim(_STATE_SIZE + size)
    state, stack = emitter.scratch_at(at), emitter.scratch_at(at + _STATE_SIZE)
    emitter.zero(stack, size)
    _read_registers(emitter, state)
    is_user = emitter.compare(
        "==", emitter.binary("&", emitter.load(state, UINT64, _SEGMENT), emitter.constant(3)), emitter.constant(3)
    )
    count = emitter.choose(
        is_user,
        lambda: _unwind_process(emitter, (header, limit), state, process, returns),
        lambda: emitter.constant(0, INT64),
    )
    return stack, count


def _read_registers(emitter: ProgramEmitter, state: Value) -> None:
    """Those with which the task entered the kernel; zeros for a task of the kernel's own."""
    task = emitter.helper_address("get_current_task_btf")
    registers = emitter.offset(emitter.helper_address("task_pt_regs", task), _REGISTERS_AT)
    emitter.helper("probe_read_kernel", state, emitter.constant(_REGISTERS_SIZE), registers)


def _unwind_process(
    emitter: ProgramEmitter, sizes: tuple[int, int], state: Value, process: Value, returns: Sequence[int]
) -> Value:
    key = Value(emitter.unit.stack(8), OWN_MEMORY)
    emitter.store(key, Value(process.handle, UINT32))
    found = emitter.helper_address("map_lookup_elem", emitter.map(UNWIND_PROCESSES_MAP), key)

    def unwind() -> Value:
        emitter.store(state, emitter.load(found, UINT64), _PROCESS)
        for word, value in ((_COUNT, 0), (_START, 0), (_LENGTH, 0), (_IS_EXACT, 1)):
            emitter.store(state, emitter.constant(value, UINT64), word)
        if returns:
            memory, task = emitter.offset(state, _READ), emitter.helper_address("get_current_task_btf")
            _read_kernel(emitter, memory, emitter.detached(task), returns[0])
            _read_kernel(emitter, emitter.offset(state, _RETURN), emitter.load(memory, UINT64), returns[1])
        emitter.builder.store(state.handle, emitter.unit.word(_WORD), align=8)
        address = Value(_unwinder(emitter, *sizes, returns).address, Pointer(VOID, "own"))
        frame = Value(emitter.unit.frame_address, OWN_MEMORY)
        emitter.helper("loop", emitter.constant(sizes[1]), address, frame, emitter.constant(0))
        return emitter.load(state, INT64, _COUNT)

    return emitter.choose(
        emitter.compare("==", found, emitter.constant(0)), lambda: emitter.constant(-1, INT64), unwind
    )


def _unwinder(emitter: ProgramEmitter, header: int, limit: int, returns: Sequence[int]) -> BpfFunction:
    known = emitter.unwinders.get((header, limit))
    if known is None:
        known = callback_of(
            emitter,
            (("index", I64),),
            lambda index: _one_frame(emitter, header, limit, Value(index, UINT64), returns),
        )
        emitter.unwinders[header, limit] = known
    return known


def _one_frame(emitter: ProgramEmitter, header: int, limit: int, index: Value, returns: Sequence[int]) -> None:
    """Notes a frame and finds the one that called it."""
    state = Value(emitter.builder.load(emitter.unit.word(_WORD), typ=PTR), OWN_MEMORY)
    key = Value(emitter.unit.stack(8), OWN_MEMORY)
    place = emitter.load(state, UINT64, _PLACE)
    _end_if(emitter, emitter.compare("==", place, emitter.constant(0)))
    # A call can be the last instruction of its function, so that it returns to where another one begins.
    place = emitter.binary("-", emitter.binary("+", place, emitter.load(state, UINT64, _IS_EXACT)), emitter.constant(1))
    index = emitter.at_most(limit - 1, index)
    slot = emitter.offset(state, emitter.binary("<<", index, emitter.constant(3)))
    emitter.store(slot, Value(place.handle, UINT64), _STATE_SIZE + header)
    emitter.store(state, Value(emitter.binary("+", index, emitter.constant(1)).handle, UINT64), _COUNT)
    with emitter.when(emitter.compare(">=", _distance(emitter, state, place), emitter.load(state, UINT64, _LENGTH))):
        _find_mapping(emitter, state, key, place)
    wanted = emitter.binary("-", place, emitter.load(state, UINT64, _BIAS))
    row = _search(emitter, state, key, (UNWIND_ROWS_MAP, _ROWS, _ROW_ROUNDS), wanted)
    _follow(emitter, state, place, emitter.load(row, UINT64, _RULES))
    if returns:
        _undo_uretprobe(emitter, state, returns)


def _distance(emitter: ProgramEmitter, state: Value, place: Value) -> Value:
    return emitter.binary("-", place, emitter.load(state, UINT64, _START))


def _find_mapping(emitter: ProgramEmitter, state: Value, key: Value, place: Value) -> None:
    mapping = _search(emitter, state, key, (UNWIND_MAPPINGS_MAP, _PROCESS, _MAPPING_ROUNDS), place)
    for offset, word in ((0, _START), (_MAPPING_LENGTH, _LENGTH), (_MAPPING_BIAS, _BIAS), (_MAPPING_ROWS, _ROWS)):
        emitter.store(state, emitter.load(mapping, UINT64, offset), word)
    _end_if(emitter, emitter.compare(">=", _distance(emitter, state, place), emitter.load(state, UINT64, _LENGTH)))


def _search(
    emitter: ProgramEmitter, state: Value, key: Value, within: tuple[str, int, int], wanted: Value
) -> Value:
    """The address of the last element that begins at or below an address; without one the stack ends here.

    `within` is the map, the word with the first element and their number, and how many rounds it takes at most.
    """
    map_name, word, rounds = within
    first, count = emitter.load(state, UINT32, word), emitter.load(state, UINT32, word + 4)
    emitter.store(state, Value(first.handle, UINT64), _LOW)
    emitter.store(state, Value(count.handle, UINT64), _LEFT)

    def halve(_: Value, done: Any) -> None:
        left, low = emitter.load(state, UINT64, _LEFT), emitter.load(state, UINT64, _LOW)
        with emitter.when(emitter.compare("==", left, emitter.constant(0))):
            emitter.go_to(done)
        half = emitter.binary(">>", left, emitter.constant(1))
        middle = emitter.binary("+", low, half)
        element = _element(emitter, key, map_name, middle)

        def above() -> None:
            emitter.store(state, Value(emitter.binary("+", middle, emitter.constant(1)).handle, UINT64), _LOW)
            rest = emitter.binary("-", emitter.binary("-", left, half), emitter.constant(1))
            emitter.store(state, Value(rest.handle, UINT64), _LEFT)

        def below() -> None:
            emitter.store(state, Value(half.handle, UINT64), _LEFT)

        emitter.branch(emitter.compare("<=", emitter.load(element, UINT64), wanted), above, below)

    counted(emitter, rounds, halve)
    low = emitter.load(state, UINT64, _LOW)
    _end_if(emitter, emitter.compare("==", low, emitter.load(state, UINT32, word)))
    return _element(emitter, key, map_name, emitter.binary("-", low, emitter.constant(1)))


def _element(emitter: ProgramEmitter, key: Value, map_name: str, index: Value) -> Value:
    emitter.store(key, Value(index.handle, UINT32))
    found = emitter.helper_address("map_lookup_elem", emitter.map(map_name), key)
    _end_if(emitter, emitter.compare("==", found, emitter.constant(0)))
    return found


def _follow(emitter: ProgramEmitter, state: Value, place: Value, rules: Value) -> None:
    """Puts the caller's registers in place of those of the frame at `place`."""
    rule = emitter.cast(emitter.binary(">>", rules, emitter.constant(CFA_SHIFT)), UINT8)
    for end in (CfaRule.UNKNOWN, CfaRule.END):
        _end_if(emitter, _is(emitter, rule, end))
    _end_if(emitter, emitter.compare(">", rule, emitter.constant(max(CfaRule))))
    stack, frame = emitter.load(state, UINT64, _STACK), emitter.load(state, UINT64, _FRAME)
    by_frame = emitter.binary("|", _is(emitter, rule, CfaRule.FRAME), _is(emitter, rule, CfaRule.AT_FRAME))
    base = emitter.choose(by_frame, lambda: frame, lambda: stack)
    _set_cfa(emitter, state, emitter.binary("+", base, emitter.cast(rules, INT32)))
    with emitter.when(_is(emitter, rule, CfaRule.PLT)):
        is_pushed = emitter.compare(">=", emitter.binary("&", place, emitter.constant(15)), emitter.constant(11))
        pushed = emitter.binary("<<", is_pushed, emitter.constant(3))
        _set_cfa(emitter, state, emitter.binary("+", _cfa(emitter, state), pushed))
    with emitter.when(_is(emitter, rule, CfaRule.AT_FRAME)):
        _set_cfa(emitter, state, _read_word(emitter, state, _cfa(emitter, state)))
    with emitter.when(_is(emitter, rule, CfaRule.AT_STACK)):
        saved = _read_word(emitter, state, _cfa(emitter, state))
        _set_cfa(emitter, state, emitter.binary("+", saved, emitter.constant(8)))
    with emitter.when(_is(emitter, rule, CfaRule.SIGNAL)):
        _follow_signal(emitter, state)
    cfa = _cfa(emitter, state)
    # A caller's frame is above; so tables that contradict themselves do not lead round in a circle.
    _end_if(emitter, emitter.compare("<=", cfa, stack))
    _restore_frame(emitter, state, frame, rules)
    emitter.store(state, emitter.constant(0, UINT64), _IS_EXACT)
    emitter.store(state, Value(cfa.handle, UINT64), _STACK)
    _read(emitter, emitter.offset(state, _PLACE), 8, emitter.binary("-", cfa, emitter.constant(8)))


def _undo_uretprobe(emitter: ProgramEmitter, state: Value, returns: Sequence[int]) -> None:
    """Where the return address is one that a uretprobe has put there, takes the program's own.

    The kernel keeps these in a list, innermost first, with the place of each in the stack; several can be of one place.
    """
    _, _, stack_at, place_at, next_at = returns
    place = emitter.binary("-", emitter.load(state, UINT64, _STACK), emitter.constant(8))

    def one(_: Value, done: Any) -> None:
        instance, memory = emitter.load(state, UINT64, _RETURN), emitter.offset(state, _READ)
        with emitter.when(emitter.compare("==", instance, emitter.constant(0))):
            emitter.go_to(done)
        _read_kernel(emitter, memory, instance, stack_at)
        stack = emitter.load(memory, UINT64)
        with emitter.when(emitter.compare(">", stack, place)):
            emitter.go_to(done)
        with emitter.when(emitter.compare("==", stack, place)):
            _read_kernel(emitter, emitter.offset(state, _PLACE), instance, place_at)
        _read_kernel(emitter, emitter.offset(state, _RETURN), instance, next_at)

    counted(emitter, _RETURN_ROUNDS, one)


def _read_kernel(emitter: ProgramEmitter, destination: Value, address: Value, offset: int) -> None:
    """A word of the kernel's memory, 0 where there is none."""
    place = emitter.binary("+", address, emitter.constant(offset))
    emitter.helper("probe_read_kernel", destination, emitter.constant(8), place)


def _follow_signal(emitter: ProgramEmitter, state: Value) -> None:
    """What was interrupted goes on with the very registers that the signal's frame has, wherever its stack is."""
    memory = emitter.offset(state, _READ)
    start = emitter.binary("-", _cfa(emitter, state), emitter.constant(_SIGNAL_BEFORE))
    _end_if(emitter, _read(emitter, memory, _SIGNAL_SIZE, start))
    for offset, word in ((0, _FRAME), (_SIGNAL_STACK, _STACK), (_SIGNAL_PLACE, _PLACE)):
        emitter.store(state, emitter.load(memory, UINT64, offset), word)
    emitter.store(state, emitter.constant(1, UINT64), _IS_EXACT)
    emitter.continue_loop()


def _restore_frame(emitter: ProgramEmitter, state: Value, frame: Value, rules: Value) -> None:
    """The caller's rbp; what cannot be read or is not known becomes 0, by which nothing is found."""
    rule = emitter.cast(emitter.binary(">>", rules, emitter.constant(FRAME_SHIFT)), UINT8)
    with emitter.when(_is(emitter, rule, FrameRule.UNKNOWN)):
        emitter.store(state, emitter.constant(0, UINT64), _FRAME)
    by_cfa = _is(emitter, rule, FrameRule.SAVED)
    with emitter.when(emitter.binary("|", by_cfa, _is(emitter, rule, FrameRule.AT_FRAME))):
        base = emitter.choose(by_cfa, lambda: _cfa(emitter, state), lambda: frame)
        distance = emitter.cast(emitter.binary(">>", rules, emitter.constant(FRAME_OFFSET_SHIFT)), INT16)
        _read(emitter, emitter.offset(state, _FRAME), 8, emitter.binary("+", base, distance))


def _cfa(emitter: ProgramEmitter, state: Value) -> Value:
    return emitter.load(state, UINT64, _CFA)


def _set_cfa(emitter: ProgramEmitter, state: Value, value: Value) -> None:
    emitter.store(state, Value(value.handle, UINT64), _CFA)


def _read_word(emitter: ProgramEmitter, state: Value, address: Value) -> Value:
    """A u64 of the program's memory; where there is none the stack ends."""
    memory = emitter.offset(state, _READ)
    _end_if(emitter, _read(emitter, memory, 8, address))
    return emitter.load(memory, UINT64)


def _read(emitter: ProgramEmitter, destination: Value, size: int, address: Value) -> Value:
    """Not zero when it failed, which leaves zeros."""
    return emitter.helper("probe_read_user", destination, emitter.constant(size), address)


def _is(emitter: ProgramEmitter, rule: Value, which: CfaRule | FrameRule) -> Value:
    return emitter.compare("==", rule, emitter.constant(int(which)))


def _end_if(emitter: ProgramEmitter, condition: Value) -> None:
    with emitter.when(condition):
        emitter.break_loop()
