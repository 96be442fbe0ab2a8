"""A run of tests: each `test:NAME` once, what those that fail have printed, and how many passed."""

from __future__ import annotations

from ...core.artifacts import ProgramSpec
from ...core.output import TestResult
from ...core.run import RunOptions
from ...core.session import Session
from .by_hand import ProgramRunner
from .stream import OutputStream


class TestRunner:
    """A test passes when it returns 0, does not exit with another status, and reports no error.

    A warning (a division by zero, a full map) is shown and changes nothing.
    """

    __test__ = False  # it is no test class of pytest

    def __init__(self, session: Session, options: RunOptions, stream: OutputStream) -> None:
        self._runner = ProgramRunner(session, options, stream)

    def run(self) -> int:
        """Gives 1 when a test failed or an interrupt left some out; what begin exits with goes before all of it.

        Raises: KernelError: when a program cannot be run, or events or the failure counters cannot be read.
        """
        runner, output = self._runner, self._runner.output
        if not runner.begin():
            runner.end()
            return output.status
        output.write(output.format.tests_begin(len(runner.programs)))
        results: list[TestResult] = []
        for name, program in runner.programs:
            result = None if runner.interrupted else self._run_test(name, program)
            if result is None:
                break
            results.append(result)
        output.write(output.format.tests_ended(results))
        runner.end()
        return 0 if len(results) == len(runner.programs) and all(result.passed for result in results) else 1

    def _run_test(self, name: str, program: ProgramSpec) -> TestResult | None:
        output = self._runner.output
        output.write(output.format.test_begins(name))
        output.flush()
        outcome = self._runner.run_program(program)
        if outcome is None:
            return None
        passed = not outcome.returned and not outcome.failed
        result = TestResult(name, passed, outcome.nanoseconds, outcome.output)
        self._runner.report_failures()
        output.write(output.format.test_ended(result))
        output.flush()
        return result
