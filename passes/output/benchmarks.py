"""A run of benchmarks: each `bench:NAME` often enough for its time to mean something."""

from __future__ import annotations

from ...core.artifacts import ProgramSpec
from ...core.output import BenchmarkResult
from ...core.run import RunOptions
from ...core.session import Session
from .by_hand import Outcome, ProgramRunner
from .stream import OutputStream

#: A benchmark is run more and more often until that takes as long as this, in ns.
LONG_ENOUGH = 1_000_000
#: How much longer than that the next attempt is planned to take, and how fast the number of runs grows at most.
MARGIN, GROWTH = 1.5, 10
#: Runs of one attempt at most: what runs a billion times in a millisecond does not run at all.
MOST = 1_000_000_000


class BenchmarkRunner:
    """Measures the benchmarks one by one. What they print is thrown away, but for that of one that failed.

    One that returns something else than 0 has no result; one that reports an error, or exits with another status than
    0, has failed.
    """

    def __init__(self, session: Session, options: RunOptions, stream: OutputStream) -> None:
        self._runner = ProgramRunner(session, options, stream)

    def run(self) -> int:
        """Gives 1 when a benchmark failed or an interrupt left some out; what begin exits with goes before all of it.

        Raises: KernelError: when a program cannot be run, or events or the failure counters cannot be read.
        """
        runner, output = self._runner, self._runner.output
        if not runner.begin():
            runner.end()
            return output.status
        results: list[BenchmarkResult] = []
        status = 0
        for name, program in runner.programs:
            count, outcome = self._measure(program)
            if outcome is None:
                status = 1
                break
            if outcome.failed:
                output.notice(outcome.output, False)
                output.error(f"Benchmark '{name}' failed.")
                status = 1
            elif not outcome.returned:
                results.append(BenchmarkResult(name, outcome.nanoseconds, count))
        output.write(output.format.benchmarks(results))
        runner.end()
        return status

    def _measure(self, program: ProgramSpec) -> tuple[int, Outcome | None]:
        """How often the last attempt ran the program, and what came of it; no outcome after an interrupt.

        Mishaps are told once, those of the first run: the same happens in every other, where their events may be lost.
        """
        runner, count = self._runner, 1
        runner.forget_failures()
        while not runner.interrupted:
            outcome = runner.run_program(program, count)
            if count == 1:
                runner.report_failures()
            if outcome is None or outcome.failed or outcome.returned:
                return count, outcome
            if outcome.nanoseconds * count >= LONG_ENOUGH or count >= MOST:
                return count, outcome
            wanted = int(LONG_ENOUGH * MARGIN / max(outcome.nanoseconds, 1)) + 1
            count = min(max(wanted, 2 * count), GROWTH * count, MOST)
        return count, None
