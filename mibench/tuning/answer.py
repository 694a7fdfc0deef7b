"""What a tuning says: the best candidate beside the default, what was spent, and how the best is run."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from mibench.text import duration, pluralise
from mibench.tuning.candidates import Candidate, Tuner

_SHOWN = ("number", "estimator", "error", "failed", "samples", "seconds")
"""What of a candidate is a column."""


@dataclass(frozen=True, repr=False)
class Tuning:
    """A tuning that has ended.

    The error of the best is the smallest of many, and so too small by chance; what it is worth, a run on the seeds of
    the table says.

    Attributes:
        candidates: the default, and what was tried after it, in this order.
        measurement: the quantity whose error was made small.
        command: what runs the best on the seeds of the table.
    """

    candidates: Sequence[Candidate]
    measurement: str
    command: str

    @property
    def default(self) -> Candidate:
        """The estimator as it is without tuning."""
        return self.candidates[0]

    @property
    def best(self) -> Candidate:
        """The candidate of the smallest error; the default where none is better."""
        return min(self.candidates, key=lambda candidate: candidate.error)

    @property
    def table(self) -> pd.DataFrame:
        """The default and the best, if that is another: `parameters` (`default` or `tuned`) and columns as below."""
        rows = [("default", self.default), *([("tuned", self.best)] if self.best.number else [])]
        frame = self._frame([candidate for _, candidate in rows])
        frame.insert(0, "parameters", [parameters for parameters, _ in rows])
        return frame

    @property
    def history(self) -> pd.DataFrame:
        """Every candidate, with its `error`, the `ratio` to the default's, and what its trials took."""
        return self._frame(self.candidates)

    @property
    def spent(self) -> str:
        """What was tried and spent, in one sentence."""
        pairs = [candidate.samples for candidate in self.candidates]
        known = [samples for samples in pairs if samples is not None]
        seen = f"{sum(known):,} pairs seen, " if len(known) == len(pairs) else ""
        took = duration(sum(candidate.seconds for candidate in self.candidates))
        tried = pluralise(len(self.candidates) - 1, "candidate")
        failed = sum(candidate.failed > 0 for candidate in self.candidates)
        lost = f"; {failed} failed in some cell" if failed else ""
        return f"{tried} beside the default: {seen}{took} of trials{lost}"

    def _frame(self, candidates: Sequence[Candidate]) -> pd.DataFrame:
        frame = pd.DataFrame([{name: getattr(candidate, name) for name in _SHOWN} for candidate in candidates])
        frame.insert(2, "measurement", self.measurement)
        frame.insert(4, "ratio", frame["error"] / self.default.error)
        return frame.astype({"samples": "Int64"})

    def __repr__(self) -> str:
        return f"{self.spent}\n{self.table.to_string(index=False)}\n{self.command}"

    def _repr_html_(self) -> str:
        return self.table.to_html(index=False)


def answer(tuner: Tuner, candidates: Sequence[Candidate]) -> Tuning:
    """The answer that candidates come to."""
    best = min(candidates, key=lambda candidate: candidate.error)
    run = tuner.request.run
    tasks = [run.tasks] if isinstance(run.tasks, str) else run.tasks
    words = ["mibench", "run", "-e", best.estimator, *(word for task in tasks for word in ("-t", task))]
    words += ["--profile", run.profile] if run.profile != "quick" else []
    words += ["--results", str(run.results_folder)] if str(run.results_folder) != "results" else []
    words += [word for plugin in run.plugin_options for word in ("-p", plugin)]
    return Tuning(candidates, tuner.quantity, shlex.join(words))
