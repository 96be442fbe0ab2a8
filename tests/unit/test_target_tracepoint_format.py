"""What the lines of a tracefs format file mean."""

from __future__ import annotations

import pytest
from pybpftrace.core.target.tracepoint_format import FormatField, TracepointFormatError, parse_field, parse_format

OPENAT = """\
name: sys_enter_openat
ID: 782
format:
\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;
\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;

\tfield:int __syscall_nr;\toffset:8;\tsize:4;\tsigned:1;
\tfield:const char * filename;\toffset:24;\tsize:8;\tsigned:0;

print fmt: "field:broken %s
 field:too", REC->filename
"""


def field(declaration: str, offset: int = 8, size: int = 8, signed: int = 0) -> FormatField:
    return parse_field(f"\tfield:{declaration};\toffset:{offset};\tsize:{size};\tsigned:{signed};")


def test_a_format_file_gives_the_name_the_id_and_the_fields_and_its_print_line_is_left_alone() -> None:
    parsed = parse_format(OPENAT)
    assert (parsed.name, parsed.id) == ("sys_enter_openat", 782)
    assert [(one.name, one.c_type, one.offset, one.size, one.signed, one.is_common) for one in parsed.fields] == [
        ("common_type", "unsigned short", 0, 2, False, True),
        ("common_pid", "int", 4, 4, True, True),
        ("__syscall_nr", "int", 8, 4, True, False),
        ("filename", "const char *", 24, 8, False, False),
    ]


@pytest.mark.parametrize(
    ("declaration", "size", "name", "c_type", "array_length"),
    [
        ("char comm[16]", 16, "comm", "char", 16),
        ("unsigned long args[6]", 48, "args", "unsigned long", 6),
        ("unsigned long args[]", 0, "args", "unsigned long", 0),
        ("u8 saddr[4]", 4, "saddr", "u8", 4),
        ("unsigned char x[ETH_ALEN]", 6, "x", "unsigned char", 6),
        ("__u32 x[NUMBER]", 12, "x", "__u32", 3),
        ("void * x[NUMBER]", 16, "x", "void *", 2),
        ("struct sk_buff * skb", 8, "skb", "struct sk_buff *", None),
        ("const char *const * argv", 8, "argv", "const char *const *", None),
        ("struct iocb * * iocbpp", 8, "iocbpp", "struct iocb * *", None),
        ("const void* address", 8, "address", "const void*", None),
        ("char *name", 8, "name", "char *", None),
        ("bool success", 1, "success", "bool", None),
        ("unsigned long long x", 8, "x", "unsigned long long", None),
        ("enum zone_type type", 4, "type", "enum zone_type", None),
        ("void (*func)(struct timer_list *)", 8, "func", "void (*)(struct timer_list *)", None),
        ("void __seg_gs * ptr", 8, "ptr", "void *", None),
        ('const char __attribute__((btf_type_tag("user"))) * name', 8, "name", "const char *", None),
    ],
)
def test_a_declaration_is_split_into_type_name_and_array_length(
    declaration: str, size: int, name: str, c_type: str, array_length: int | None
) -> None:
    parsed = field(declaration, size=size)
    assert (parsed.name, parsed.c_type, parsed.array_length) == (name, c_type, array_length)
    assert not parsed.is_data_loc and not parsed.is_rel_loc


def test_a_data_loc_field_has_the_type_of_its_elements() -> None:
    parsed = field("__data_loc char[] name", size=4, signed=1)
    assert (parsed.name, parsed.c_type, parsed.array_length, parsed.size) == ("name", "char", None, 4)
    assert parsed.is_data_loc and not parsed.is_rel_loc


def test_a_rel_loc_field_is_told_from_a_data_loc_field() -> None:
    parsed = field("__rel_loc unsigned int[] values", size=4)
    assert (parsed.name, parsed.c_type, parsed.array_length) == ("values", "unsigned int", None)
    assert parsed.is_rel_loc and not parsed.is_data_loc


def test_a_field_line_of_an_old_kernel_has_no_signed_part() -> None:
    parsed = parse_field("\tfield:int x;\toffset:8;\tsize:4;")
    assert (parsed.name, parsed.offset, parsed.size, parsed.signed) == ("x", 8, 4, False)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name: x\n",
        "ID: 3\n",
        "name: x\nID: three\n",
        "name: x\nID: 3\nformat:\n\tfield:int a;\tsize:4;\n",
        "name: x\nID: 3\nformat:\n\tfield:int;\toffset:0;\tsize:4;\tsigned:1;\n",
    ],
)
def test_text_that_is_no_format_file_is_refused(text: str) -> None:
    with pytest.raises(TracepointFormatError):
        parse_format(text)
