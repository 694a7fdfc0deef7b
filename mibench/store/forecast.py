"""How long a run will take, from the trials that are on record."""

from collections import defaultdict
from collections.abc import Iterable
from statistics import median

from mibench.outcome import Status
from mibench.plan.trial import Batch, Trial
from mibench.store import Store


def forecast(batches: Iterable[Batch], store: Store) -> tuple[float, list[str]]:
    """Seconds of work in batches, on one worker.

    Args:
        batches: what is to run.
        store: what has been measured; a trial is taken to last as long as the median of its estimator on its task
            and device, over cells of the same size where there are some.

    Returns:
        The seconds, and the selectors of which nothing is on record.
    """
    times: dict[tuple[object, ...], list[float]] = defaultdict(list)
    for record in store.read()[0]:
        if record.outcome.status is Status.OK and record.seconds is not None:
            for scope in _scopes(record.trial):
                times[scope].append(record.seconds)
    seconds, unknown = 0.0, set[str]()
    for trial in (trial for batch in batches for trial in batch.trials if not trial.skip):
        known = next((times[scope] for scope in _scopes(trial) if scope in times), None)
        if known is None:
            unknown.add(trial.spelled)
        else:
            seconds += median(known)
    return seconds, sorted(unknown)


def _scopes(trial: Trial) -> list[tuple[object, ...]]:
    """From the narrowest to the widest: cells of the same whole-number parameters, then any cell."""
    sizes = tuple(sorted((name, value) for name, value in trial.cell.items() if isinstance(value, int)))
    alike = (trial.spelled, trial.task, trial.device)
    return [(*alike, sizes), alike]
