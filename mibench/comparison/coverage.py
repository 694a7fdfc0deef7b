"""What a comparison leaves out, because there is nothing to compare it with."""

from collections.abc import Collection, Iterable, Iterator, Sequence

import pandas as pd

from mibench.comparison.samples import MEAN, Row, direction, ends_well, respell
from mibench.discovery.registry import Registry
from mibench.frames import cell_columns, task_entry
from mibench.frames.grouping import by_task, distinct
from mibench.outcome import Status
from mibench.plan.selectors import spell_apart
from mibench.text import pluralise, suggestion, without_shared

_TRIAL = ["task", "cell", "estimator", "seed"]
_MOST_NAMED = 3


def unmatched(frame: pd.DataFrame, references: pd.DataFrame) -> list[str]:
    """A sentence for each task of a tidy frame that has estimators of which no reference is."""
    references = respell(references, frame)
    sentences: list[str] = []
    for task, estimators in frame.groupby("task", sort=True)["estimator"].unique().items():
        known = sorted(set(references.loc[references["task"] == task, "estimator"]))
        missing = sorted(set(estimators) - set(known))
        if missing:
            there = f" ({', '.join(known)})" if known else ""
            be = "is" if len(missing) == 1 else "are"
            sentences.append(f"{task}: {', '.join(missing)} {be} not in the references{there}")
    return sentences


def unmeasured(
    frame: pd.DataFrame, references: pd.DataFrame, rows: Collection[Row], registry: Registry
) -> Iterator[str]:
    """A sentence for each thing that references are about and that estimators here lack.

    What a task declares is not always measured, and is passed over where an estimator has other rows. What trials that
    failed would have measured is told by `lost_to_failures`.

    Args:
        frame: a tidy frame.
        references: with names as the frame spells them.
        rows: what was measured and has references, whatever the cell.
        registry: what the plugins brought.
    """
    there = {row._replace(cell="") for row in rows}
    compared = {(row.task, row.estimator) for row in rows}
    names = ["measurement", "statistic", "estimator", "reference"]
    for part in by_task(frame, coded=True):
        task, entry = str(part["task"].iloc[0]), task_entry(part, registry)
        about = references[(references["task"] == task) & references["estimator"].isin(part["estimator"].unique())]
        known = sorted({*part["measurement"].dropna().astype(str)} - {""})
        failed = part["status"].isin(Status.failures())
        failing = set(part.loc[failed, "estimator"])
        about = about[about["estimator"].isin(part.loc[~failed, "estimator"])]
        named = set(part[["estimator", "measurement"]].drop_duplicates().itertuples(index=False, name=None))
        lacking: dict[tuple[str, str, str], list[str]] = {}
        for measurement, statistic, estimator, name in about[names].drop_duplicates().itertuples(index=False):
            declared = entry is not None and direction(entry.spec, measurement, statistic) is not None
            if Row(task, "", estimator, measurement, statistic) in there:
                continue
            if statistic != MEAN and estimator in failing and (estimator, measurement) in named:
                continue
            if not declared or (task, estimator) not in compared:
                lacking.setdefault((name, measurement, statistic), []).append(estimator)
        for (name, measurement, statistic), missing in sorted(lacking.items()):
            what = measurement if statistic == MEAN else f"{statistic}({measurement})"
            hint = "" if measurement in known or not known else f"; {suggestion(measurement, known)}"
            yield f"{task}: {name} has {what} of {', '.join(sorted(missing))}, which was not measured here{hint}"


def lost_to_failures(frame: pd.DataFrame, references: pd.DataFrame, rows: Collection[Row]) -> Iterator[str]:
    """A sentence for each estimator of references that has no row in a cell, or of a curve, since trials failed.

    Args:
        frame: a tidy frame.
        references: with names as the frame spells them.
        rows: what was measured and has references.
    """
    there = {row._replace(cell="") for row in rows}
    pairs = ["task", "estimator"]
    of, known = (pd.MultiIndex.from_frame(side[pairs]) for side in (frame, references))
    failed = frame["status"].isin(Status.failures()).to_numpy(bool)
    for task, estimator in sorted({*of[failed]} & {*known}):
        own = frame[of.isin([(task, estimator)])]
        trials = named_trials(own)
        lost = trials["status"].isin(Status.failures())
        gone = ~trials["cell"].isin(set(trials.loc[~lost, "cell"]))
        if gone.any():
            cells, among = (list(dict.fromkeys(part["cell"])) for part in (trials[gone], trials))
            place = "" if gone.all() else f" in {_named(cells, among)}"
            count = pluralise(int(gone.sum()), "trial")
            yield f"{task}: nothing of {estimator}{place} is judged: all {count} failed"
        about = references.loc[known.isin([(task, estimator)]), ["measurement", "statistic"]].drop_duplicates()
        curves = [
            f"{statistic}({measurement})"
            for measurement, statistic in about[about["measurement"].isin(own["measurement"])].itertuples(index=False)
            if statistic != MEAN and Row(task, "", estimator, measurement, statistic) not in there
        ]
        if curves and not gone.all():
            count = f"{int(lost.sum())} of {pluralise(len(trials), 'trial')}"
            yield f"{task}: {', '.join(curves)} of {estimator} not judged: no curve is whole, since {count} failed"


def named_trials(frame: pd.DataFrame) -> pd.DataFrame:
    """A row a trial of a tidy frame: `task`, `cell` as comparisons spell it, `estimator`, `seed` and `status`."""
    named = with_cells(frame)
    return named[[*_TRIAL, "status"]].drop_duplicates(_TRIAL, ignore_index=True)


def shared_rows(frame: pd.DataFrame, other: pd.DataFrame) -> list[pd.DataFrame]:
    """The rows of two tidy frames that end one trial, which failed in neither, with a value of one measurement each."""
    ended = [it[ends_well(it)] for it in (frame, other)]
    about = [*_TRIAL, "measurement"]
    places = [pd.MultiIndex.from_frame(with_cells(rows)[about]) for rows in ended]
    return [rows[here.isin(there)] for rows, here, there in zip(ended, places, reversed(places), strict=True)]


def with_cells(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows of a tidy frame with the column `cell`, as comparisons spell it, in place of parameters."""
    spelled = {name: spell_apart(name, frame[name].dropna().unique()) for name in cell_columns(frame)}
    texts = pd.Series("", index=range(len(frame)), dtype=object)
    frame = frame.reset_index(drop=True)
    for part in by_task(frame):
        names = cell_columns(part)
        numbers, first = distinct(part, names)
        cells = [
            ",".join(spelled[name][value] for name, value in zip(names, cell, strict=True) if not pd.isna(value))
            for cell in part[names].iloc[first].itertuples(index=False, name=None)
        ]
        texts[part.index] = pd.Series(cells or [""], dtype=object).take(numbers).to_numpy()
    return frame.drop(columns=cell_columns(frame)).assign(cell=texts)


def unpaired(ours: pd.DataFrame, theirs: pd.DataFrame) -> list[str]:
    """Sentences, with counts, about the trials that only one side has.

    Args:
        ours: the trials of results, as of `named_trials`.
        theirs: those of a baseline.
    """
    return [
        sentence
        for task in sorted({*ours["task"].unique(), *theirs["task"].unique()})
        for sentence in _of_task(task, ours[ours["task"] == task], theirs[theirs["task"] == task])
    ]


def lost_on_both(ours: pd.DataFrame, theirs: pd.DataFrame) -> Iterator[str]:
    """A sentence for each estimator and task with cells in which all trials failed, in results and in a baseline.

    Args:
        ours: the trials of results, as of `named_trials`.
        theirs: those of a baseline.
    """
    lost: dict[tuple[str, str], list[str]] = {}
    for task, estimator, cell in sorted(_failed_throughout(ours) & _failed_throughout(theirs)):
        lost.setdefault((task, estimator), []).append(cell)
    for (task, estimator), cells in lost.items():
        own = ours[(ours["task"] == task) & (ours["estimator"] == estimator)]
        place = _named(cells, list(dict.fromkeys(own["cell"])))
        yield f"{task}: nothing of {estimator} in {place} is judged: all trials failed, here and in the baseline"


def _failed_throughout(trials: pd.DataFrame) -> set[tuple[str, str, str]]:
    """The task, estimator and cell of trials that all failed."""
    failed = trials["status"].isin(Status.failures())
    lost, others = (
        set(trials.loc[rows, ["task", "estimator", "cell"]].itertuples(index=False, name=None))
        for rows in (failed, ~failed)
    )
    return lost - others


def _of_task(task: str, ours: pd.DataFrame, theirs: pd.DataFrame) -> Iterator[str]:
    for rows, others, whose, lacks in (
        (ours, theirs, "here", "the baseline lacks"),
        (theirs, ours, "of the baseline", "these results lack"),
    ):
        both = rows["estimator"].isin(set(others["estimator"])).to_numpy(bool)
        if not both.all():
            names = ", ".join(sorted(rows.loc[~both, "estimator"].unique()))
            yield f"{task}: {pluralise(int((~both).sum()), 'trial')} {whose} not compared: {lacks} {names}"
        shared = rows[both]
        known = shared.merge(others[["cell", "estimator"]].drop_duplicates(), how="left", indicator="there")
        elsewhere = (known["there"] == "left_only").to_numpy(bool)
        if elsewhere.any():
            cells = list(dict.fromkeys(shared.loc[elsewhere, "cell"]))
            lost = f"{lacks} {pluralise(len(cells), 'cell')}, {_named(cells, list(dict.fromkeys(shared['cell'])))}"
            yield f"{task}: {pluralise(int(elsewhere.sum()), 'trial')} {whose} not compared: {lost}"
        alone = shared[~elsewhere].merge(others[_TRIAL].drop_duplicates(), how="left", indicator="there")
        alone = alone[alone["there"] == "left_only"]
        if len(alone):
            seeds = f"seed{'' if alone['seed'].nunique() == 1 else 's'} {_spans(alone['seed'])}"
            lost = f"{lacks} {seeds} in {pluralise(alone['cell'].nunique(), 'cell')}"
            yield f"{task}: {pluralise(len(alone), 'trial')} {whose} not compared: {lost}"


def _named(cells: Sequence[str], among: Sequence[str]) -> str:
    """The first few cells, by what tells them from the others."""
    short = dict(zip(among, without_shared(among), strict=True))
    named = "; ".join(short[cell] or cell for cell in cells[:_MOST_NAMED])
    return named if len(cells) <= _MOST_NAMED else f"{named} and {pluralise(len(cells) - _MOST_NAMED, 'other')}"


def _spans(seeds: Iterable[int]) -> str:
    """Numbers as a reader lists them, `0-4, 7`."""
    spans: list[list[int]] = []
    for seed in sorted(set(seeds)):
        if spans and seed == spans[-1][1] + 1:
            spans[-1][1] = seed
        else:
            spans.append([seed, seed])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in spans)
