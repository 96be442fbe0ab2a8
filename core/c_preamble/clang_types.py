"""The types of a parsed preamble out of libclang's cursors (`core.c_types.CTypes`), each made when it is asked for.

What the kernel has declared in the same unit is left to `kernel`, whose answer is better: BTF knows tags and spaces
that C does not. Layout is taken from the C compiler as it is, packed or not. A member `char[N]` is a string of N + 1
bytes, since C may fill all N.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from .. import types
from ..c_types import BASE_TYPES
from .translation_unit import KERNEL_FILE, MAIN_FILE

if TYPE_CHECKING:
    from ..c_types import CTypes
    from .translation_unit import TranslationUnit

_SIGNED = {"CHAR_S": 1, "SCHAR": 1, "SHORT": 2, "INT": 4, "LONG": 8, "LONGLONG": 8}
_UNSIGNED = {"CHAR_U": 1, "UCHAR": 1, "USHORT": 2, "UINT": 4, "ULONG": 8, "ULONGLONG": 8}
_INTEGERS: dict[str, types.Type] = {
    **{kind: types.Int(size, True) for kind, size in _SIGNED.items()},
    **{kind: types.Int(size, False) for kind, size in _UNSIGNED.items()},
    "BOOL": types.BOOL,
}
_CHARACTERS = ("CHAR_S", "CHAR_U")
_TAGS = {"STRUCT_DECL": "struct", "UNION_DECL": "union", "ENUM_DECL": "enum"}


class ClangTypes:
    """The script's own types. `defines` tells what it redefines of the kernel's."""

    def __init__(self, unit: TranslationUnit, kernel: CTypes) -> None:
        self._unit = unit  # cursors live as long as their unit
        self._kernel = kernel
        self._tagged: dict[str, Any] = {}
        self._typedefs: dict[str, Any] = {}
        self._macros: dict[str, Any] = {}
        self._constants: dict[str, Any] = {}
        self._members: dict[str, tuple[types.Field, ...]] = {}
        self._sort(unit.root)

    def _sort(self, parent: Any) -> None:
        """Finds the declarations by name; those inside of others too, since C has one scope for all of them."""
        for cursor in parent.get_children():
            kind = cursor.kind.name
            if kind == "MACRO_DEFINITION":
                self._macros[cursor.spelling] = cursor
            elif kind == "TYPEDEF_DECL":
                if not _is_kernels(cursor):
                    self._typedefs[cursor.spelling] = cursor
            elif kind in _TAGS and cursor.is_definition() and not _is_kernels(cursor):
                name = _tag_name(cursor)
                if name:
                    self._tagged[name] = cursor
                if kind == "ENUM_DECL":
                    self._constants.update((constant.spelling, cursor) for constant in cursor.get_children())
                else:
                    self._sort(cursor)

    def defines(self, name: str) -> bool:
        """Whether the script defines `struct foo`, `union foo` or `enum foo`."""
        return name in self._tagged

    def named(self, tag: str, name: str) -> types.Type | None:
        if tag:
            cursor = self._tagged.get(f"{tag} {name}")
            return None if cursor is None else self._type(cursor.type)
        if name in self._typedefs:
            return self._type(self._typedefs[name].underlying_typedef_type, name)
        return BASE_TYPES.get(name)

    def members(self, struct: types.Struct) -> tuple[types.Field, ...] | None:
        if not struct.by_name:
            return struct.fields or None
        if struct.name not in self._tagged:
            return None
        if struct.name not in self._members:
            self._members[struct.name] = tuple(self._fields(self._tagged[struct.name].type))
        return self._members[struct.name]

    def constant(self, name: str) -> tuple[int, types.Enum] | None:
        cursor = self._constants.get(name)
        enum = None if cursor is None else self._type(cursor.type)
        if not isinstance(enum, types.Enum):
            return None
        return dict(enum.constants)[name], enum

    def macro(self, name: str) -> str | None:
        cursor = self._macros.get(name)
        if cursor is None or _is_function_like(cursor):
            return None
        tokens = [token for token in list(cursor.get_tokens())[1:] if token.kind.name != "COMMENT"]
        in_script = cursor.location.file is not None and cursor.location.file.name == MAIN_FILE
        if in_script:
            text = self._unit.text.text
            return "".join(text[token.extent.start.offset : token.extent.end.offset] for token in tokens)
        return "".join(token.spelling.encode().decode("latin-1") for token in tokens)

    def names(self) -> Iterable[str]:
        return sorted({*(name.partition(" ")[2] for name in self._tagged), *self._typedefs})

    # From the C compiler's types to ours

    def _type(self, clang_type: Any, name: str = "") -> types.Type:
        """`name` is the typedef's that leads here, for what has no name of its own."""
        kind = clang_type.kind.name
        match kind:
            case "ELABORATED":
                return self._type(clang_type.get_named_type(), name)
            case "TYPEDEF":
                declaration = clang_type.get_declaration()
                if _is_kernels(declaration):
                    return self._kernel.named("", declaration.spelling) or types.VOID
                return self._type(declaration.underlying_typedef_type, name or declaration.spelling)
            case "POINTER":
                return types.Pointer(self._type(clang_type.get_pointee()))
            case "CONSTANTARRAY":
                return self._array(clang_type, clang_type.get_array_size(), 1)
            case "INCOMPLETEARRAY":
                return self._array(clang_type, 0, 1)
            case "RECORD":
                return self._record(clang_type, name)
            case "ENUM":
                return self._enum(clang_type, name)
        if kind in _INTEGERS:
            return _INTEGERS[kind]
        canonical = clang_type.get_canonical()
        return self._type(canonical, name) if canonical.kind.name != kind else types.VOID

    def _array(self, clang_type: Any, count: int, more: int) -> types.Type:
        """`more` bytes go to a string besides its own; an array of strings keeps C's stride."""
        element = clang_type.get_array_element_type()
        if count and element.get_canonical().kind.name in _CHARACTERS:
            return types.String(count + more)
        if element.kind.name == "CONSTANTARRAY":
            return types.Array(self._array(element, element.get_array_size(), 0), count)
        return types.Array(self._type(element), count)

    def _record(self, clang_type: Any, name: str) -> types.Struct:
        declaration = clang_type.get_declaration()
        full = _tag_name(declaration)
        if full and (full not in self._tagged):
            tag, _, own = full.partition(" ")
            known = self._kernel.named(tag, own)
            return known if isinstance(known, types.Struct) else types.Struct(full, by_name=True, alignment=1)
        size, align = clang_type.get_size(), clang_type.get_align()
        if full:
            return types.Struct(full, size, (), True, align)
        fields = tuple(self._fields(clang_type))
        inner = ",".join(str(field.type) for field in fields)
        word = _TAGS.get(declaration.kind.name, "struct")
        return types.Struct(name or f"{word} {{{inner}}}", size, fields, False, align)

    def _enum(self, clang_type: Any, name: str) -> types.Type:
        declaration = clang_type.get_declaration()
        full = _tag_name(declaration)
        if full and full not in self._tagged:
            return self._kernel.named("enum", full.partition(" ")[2]) or types.UINT32
        underlying = self._type(declaration.enum_type)
        size, signed = (underlying.size, underlying.signed) if isinstance(underlying, types.Int) else (4, False)
        values = tuple((constant.spelling, constant.enum_value) for constant in declaration.get_children()
                       if constant.kind.name == "ENUM_CONSTANT_DECL")  # fmt: skip
        return types.Enum(full or (f"enum {name}" if name else "enum"), size, signed, values)

    def _fields(self, record: Any, base_bits: int = 0) -> Iterator[types.Field]:
        for member in record.get_fields():
            at = base_bits + member.get_field_offsetof()
            bits = member.get_bitfield_width() if member.is_bitfield() else 0
            if _is_unnamed(member.spelling):
                inner = member.type.get_canonical()
                if inner.kind.name == "RECORD":
                    yield from self._fields(inner, at)
                continue
            shift = at % 8 if bits else 0
            type_ = self._type(member.type)
            size = type_.size - 1 if isinstance(type_, types.String) else 0
            yield types.Field(member.spelling, type_, at // 8, bit_shift=shift, bit_width=bits, size=size)


def _is_unnamed(spelling: str) -> bool:
    """libclang makes up a name for what has none: 'struct (unnamed at FILE:1:2)'."""
    return not spelling or "(" in spelling


def _tag_name(declaration: Any) -> str:
    """'struct foo'; '' for what has no name, or only that of a typedef."""
    spelling = str(declaration.type.spelling)
    return spelling if " " in spelling and not _is_unnamed(spelling) else ""


def _is_kernels(declaration: Any) -> bool:
    file = declaration.location.file
    return file is not None and file.name == KERNEL_FILE


def _is_function_like(macro: Any) -> bool:
    from clang import cindex

    ask = cindex.conf.lib.clang_Cursor_isMacroFunctionLike
    ask.argtypes = [cindex.Cursor]
    return bool(ask(macro))
