"""Properties judged in a worker process: an estimator that hangs or ends its process fails one property by that."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from mibench.discovery import load_file
from mibench.executors import Limits, LostError, OverdueError, submitted
from mibench.executors.machine import has_gpu
from mibench.executors.process import ProcessExecutor
from mibench.testing.kit import Property, Verdict
from mibench.testing.subject import Subject

_SLOW = "if it is only slow, raise --timeout or take smaller networks"


def verdicts_apart(
    properties: Sequence[Property], subject: Subject, timeout: float, files: Sequence[str] = ()
) -> Iterator[Verdict]:
    """Judges properties one after the other, each by itself; those that a lost one must hold for are not judged.

    Args:
        properties: what to judge, of `mibench.testing.PROPERTIES`.
        subject: the estimator.
        timeout: the seconds that one property may take.
        files: plugins that are single files, which the worker loads.
    """
    failed, lost = list[Property](), list[Property]()
    with ProcessExecutor(Limits(workers=1, timeout=timeout, device="cuda" if has_gpu() else "cpu")) as worker:
        for claimed in properties:
            unmet = [earlier for earlier in claimed.earlier() if earlier in failed]
            if not {*claimed.earlier()}.isdisjoint(lost):
                yield claimed.not_judged(unmet[0])
                continue
            try:
                verdict = submitted(worker, _verdict, claimed.name, subject, files).result()
            except LostError as error:
                lost.append(claimed)
                hint = _SLOW if isinstance(error, OverdueError) else ""
                verdict = claimed.not_judged(unmet[0]) if unmet else claimed.lost(str(error), hint)
            failed += [claimed] * (verdict.status == "failed")
            yield verdict


def _verdict(name: str, subject: Subject, files: Sequence[str]) -> Verdict:
    """The verdict on one property, in the worker; a property's check cannot be sent there, but its name."""
    from mibench.testing import PROPERTIES

    for file in files:
        load_file(Path(file))
    return next(claimed for claimed in PROPERTIES if claimed.name == name).verdict(subject)
