"""What a kernel's BPF can do, as names: one table row a feature, with the evidence for it in the kernel's BTF.

The kernel's own enums (bpf_func_id, bpf_attach_type, bpf_cmd, bpf_link_type) and structs are in its BTF, so nothing has
to be tried out with bpf(2), which a captured target could not do anyway. A kernel without BTF is judged by its release.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..frozen import dataclass
from .btf_types import Enum, Enum64, Enumeration, Func, Struct

if TYPE_CHECKING:
    from .btf import Btf


@dataclass(frozen=True, slots=True)
class Feature:
    """Present when the kernel has all `constants`, `structs` and `functions`, or, without BTF, is at least `since` old.

    Constants are in UAPI headers whatever the configuration, so what can be configured away needs a struct that is
    compiled only with it.
    """

    name: str
    since: tuple[int, int]
    constants: tuple[tuple[str, str], ...] = ()
    structs: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()


def helper(name: str) -> tuple[tuple[str, str], ...]:
    return (("bpf_func_id", f"BPF_FUNC_{name}"),)


features = (
    Feature("probe_read_kernel", (5, 5), helper("probe_read_kernel")),
    Feature("jiffies64", (5, 5), helper("jiffies64")),
    Feature("get_ns_current_pid_tgid", (5, 7), helper("get_ns_current_pid_tgid")),
    Feature("ktime_get_boot_ns", (5, 8), helper("ktime_get_boot_ns")),
    Feature("ringbuf", (5, 8), helper("ringbuf_output")),
    Feature("get_current_task_btf", (5, 11), helper("get_current_task_btf")),
    Feature("d_path", (5, 10), helper("d_path")),
    Feature("snprintf", (5, 13), helper("snprintf")),
    Feature("for_each_map_elem", (5, 13), helper("for_each_map_elem")),
    Feature("get_func_ip", (5, 15), helper("get_func_ip")),
    Feature("get_attach_cookie", (5, 15), helper("get_attach_cookie")),
    Feature("loop", (5, 17), helper("loop")),
    # Atomic instructions that give the old value came with Linux 5.12, as this helper did; they leave no trace in BTF.
    Feature("atomic_fetch", (5, 12), helper("check_mtu")),
    Feature("xdp_load_bytes", (5, 18), helper("xdp_load_bytes")),
    Feature("strncmp", (5, 17), helper("strncmp")),
    Feature("map_lookup_percpu_elem", (5, 19), helper("map_lookup_percpu_elem")),
    Feature("map_sum_elem_count", (6, 6), functions=("bpf_map_sum_elem_count",)),
    Feature("tai", (6, 1), helper("ktime_get_tai_ns")),
    Feature("skb_output", (5, 5), helper("skb_output")),
    Feature("get_socket_cookie", (5, 12), helper("get_socket_cookie")),
    Feature("batch_ops", (5, 6), (("bpf_cmd", "BPF_MAP_LOOKUP_BATCH"),)),
    Feature("iter", (5, 8), (("bpf_attach_type", "BPF_TRACE_ITER"),)),
    Feature("fentry", (5, 5), (("bpf_attach_type", "BPF_TRACE_FENTRY"),), ("bpf_tramp_image",)),
    Feature("bpf_link_perf_event", (5, 15), (("bpf_link_type", "BPF_LINK_TYPE_PERF_EVENT"),), ("bpf_perf_link",)),
    Feature("kprobe", (4, 1), (), ("trace_kprobe",)),
    Feature("uprobe", (4, 3), (), ("trace_uprobe",)),
    Feature(
        "kprobe_multi", (5, 18), (("bpf_attach_type", "BPF_TRACE_KPROBE_MULTI"),), ("bpf_kprobe_multi_link",)
    ),
    Feature(
        "kprobe_session", (6, 10), (("bpf_attach_type", "BPF_TRACE_KPROBE_SESSION"),), ("bpf_kprobe_multi_link",)
    ),
    Feature("uprobe_multi", (6, 6), (("bpf_attach_type", "BPF_TRACE_UPROBE_MULTI"),), ("bpf_uprobe_multi_link",)),
    Feature(
        "uprobe_session", (6, 13), (("bpf_attach_type", "BPF_TRACE_UPROBE_SESSION"),), ("bpf_uprobe_multi_link",)
    ),
)


def find_features(release: str, btf: Btf | None) -> frozenset[str]:
    """The names of the features that a kernel has."""
    if btf is None:
        version = release_number(release)
        return frozenset(feature.name for feature in features if version >= feature.since)
    constants: dict[str, frozenset[str]] = {}
    present = set()
    for feature in features:
        for enum, _ in feature.constants:
            if enum not in constants:
                constants[enum] = enum_constants(btf, enum)
        if all(constant in constants[enum] for enum, constant in feature.constants) and all(
            btf.find(name, {kind}) is not None
            for kind, names in ((Struct, feature.structs), (Func, feature.functions))
            for name in names
        ):
            present.add(feature.name)
    return frozenset(present)


def enum_constants(btf: Btf, name: str) -> frozenset[str]:
    type_id = btf.find(name, {Enum, Enum64})
    found = None if type_id is None else btf.type(type_id)
    return frozenset(constant for constant, _ in found.values) if isinstance(found, Enumeration) else frozenset()


def release_number(release: str) -> tuple[int, int]:
    """(6, 18) for '6.18.44-custom'; (0, 0) for what is no kernel release."""
    found = re.match(r"(\d+)\.(\d+)", release)
    return (int(found[1]), int(found[2])) if found else (0, 0)
