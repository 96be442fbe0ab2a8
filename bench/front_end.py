"""CPU time of parsing and type-checking scripts of 100, 200, 1,000 and 10,000 lines: both are linear in the size.

Run as `python bench/front_end.py [ROUNDS]`; needs neither root nor BPF, compiles against the golden tests' target. The
parser's tables are cached and everything is imported before the first round, so that what is measured is the work.
"""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path

from pybpftrace.core.compilation import Compilation
from pybpftrace.core.config import Config
from pybpftrace.core.pipeline import Pipeline, plugin_manager
from pybpftrace.core.source import Source
from pybpftrace.core.target import Target
from pybpftrace.passes import builtin_plugins

TARGET = Path(__file__).parent.parent / "tests" / "golden" / "target"

#: Ten lines as scripts have them: a comment, arithmetic, strings, maps, an aggregation, a branch, a loop.
TEN_LINES = """\
begin {{
  // The state of round {n}.
  $count{n} = {n} * 2 + 1; $name{n} = "round {n}";
  @state{m}[$count{n}, $name{n}] = (uint64)$count{n} + 10;
  if ($count{n} > 5 && @state{m}[$count{n}, $name{n}] != 3) {{
    printf("%d %s %lld\\n", $count{n}, $name{n}, @state{m}[$count{n}, $name{n}]);
  }} else {{ @seen{m} = count(); }}
  for ($i : 0..$count{n}) {{ @sum{m}[$i] = sum($i << 2); }}
  $pair = ($count{n}, $name{n}); print($pair.1);
}}
"""


def script(lines: int) -> str:
    return "".join(TEN_LINES.format(n=number, m=number % 50) for number in range(lines // 10))


def measure(lines: int) -> tuple[float, float]:
    """Seconds of CPU for the parse stage and for the type-check stage."""
    pipeline = Pipeline(plugin_manager(builtin_plugins()))
    compilation = Compilation(
        Target.from_directory(str(TARGET)),
        pipeline.functions(),
        pipeline.probe_types(),
        pipeline,
        Config(max_probes=100_000),
    )
    source = Source("bench.bt", script(lines))
    started = time.process_time()
    program = compilation.run_passes("parse", source)
    parsed = time.process_time()
    compilation.run_passes("typecheck", program)
    return parsed - started, time.process_time() - parsed


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    measure(100)
    print(f"{'lines':>6} {'parse ms':>9} {'check ms':>9} {'us a line':>10}")
    for lines in (100, 200, 1_000, 10_000):
        times = [measure(lines) for _ in range(rounds)]
        parse, check = (statistics.median(pair[i] for pair in times) for i in (0, 1))
        print(f"{lines:>6} {parse * 1e3:>9.1f} {check * 1e3:>9.1f} {(parse + check) * 1e6 / lines:>10.1f}")


if __name__ == "__main__":
    main()
