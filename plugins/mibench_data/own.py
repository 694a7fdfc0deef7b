r"""Estimates on a user's own pairs, whose information nobody knows: measurements on them have no truth.

`rows` rows are drawn without replacement, the same for every seed and every change, so that shifts are paired.

- An estimator that does not train is asked on all of them. With `halvings=k` the rows are also dealt into two halves k
  times, and it is asked on each half: I_a and I_b. `mi_half` is the mean on halves; `mi_corrected` = 2 I - `mi_half` is
  without bias in 1/n (Quenouille, Biometrika 1956); `mi_error` is its standard error. That of I is the root mean square
  of (I_a - I_b) / 2 (the delete-half jackknife of Shao & Wu, Annals of Statistics 1989; smaller groups would multiply
  the jumps of an estimate). The correction adds to it. What I depends on beside a mean over rows (for `ksg`, which rows
  lie together) has a variance v, that of (I_a + I_b) / 2 between deals; I holds it once and `mi_corrected` twice as
  large, beside that of k deals: 4 v + v / k in place of v. `mi_row_share` is the largest share of its variance that one
  row makes (`mibench_data.resampling`); it is not measured on twins.
- An estimator that trains is trained on one random half of the rows, in batches, and judged on the other, in batches
  of the same size; `split` numbers the halves. It is never judged on what it was trained on.
- `twin=k` puts the k-th draw of the data's twin in the place of the data (`mibench.twins`), another one for each seed:
  as many rows with the same margins, whose information is known, so that its measurements have a truth; none where it
  is not (`Twin.known`).
- `flows` measures the derivative of the estimate along flows y + t v(y), which are bijections of y, so that it is 0 for
  the true gradient. Of discrete columns there are none.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from torch import Tensor

from mibench.contracts import Context, Estimator, Measurement, Task
from mibench.curves import FLOWS
from mibench.datasets import DataFolder
from mibench.errors import UnfitError, UsageError
from mibench.pairs import Missing, Pairs, Reading, drawn, read_pairs, refuse_useless_draw
from mibench.pairs.checks import is_discrete
from mibench.pairs.patterns import read_patterns
from mibench.ranges import AtLeast
from mibench.specs import CheckedParams, added, watching
from mibench.twins import FEWEST_ROWS, Twin, twin_of
from mibench_data.changes import QUARTERS, Name, changed, standardised
from mibench_data.resampling import halved, share_of_one_row

_FEWEST = 10
"""Fewer rows than this are no part to estimate on."""
_SPLIT, _CHANGE, _HALVES, _BLOCKS = 2, 3, 4, 5
"""Numbers of the streams that splits, changes, halves and blocks are drawn from."""
_OF_INFORMATION = {"mi", "mi_half", "mi_corrected"}


@dataclass(frozen=True, kw_only=True)
class DataParams(CheckedParams):
    """One way of asking an estimator about a file; where it is and how it is read moves no shuffle and no training.

    Attributes:
        file: the file, in the folder of data sets or else in the current one: `.npz`, `.csv`, `.tsv`, `.parquet`, or
            `.npy` of x.
        partner: the `.npy` file of y.
        x: columns of a table, or the array of a `.npz`, as `mibench.pairs.patterns` spells them: `age;gene_*`.
        y: likewise.
        missing: what is done with rows in which a number is missing or infinite.
        codes: how text becomes numbers.
        standardize: whether each column gets mean 0 and standard deviation 1 first.
        rows: how many rows are drawn, at most.
        change: what is done to the rows; see `mibench_data.changes`.
        halvings: how often rows are dealt into halves, for the standard error; 0 for none.
        split: which halves an estimator is trained and judged on.
        flows: whether to measure null flows in place of the value.
        steps: of training.
        batch: pairs of a step, and of a judgement.
        twin: which draw of the data's twin takes the place of the data, for each seed another; 0 for the data
            themselves.
    """

    file: str = watching("")
    partner: str = watching("")
    x: str = watching("")
    y: str = watching("")
    missing: Missing = watching("refuse")
    codes: Literal["one-hot", "ordinal"] = watching("one-hot")
    standardize: bool = True
    rows: Annotated[int, AtLeast(2 * _FEWEST)] = 1000
    change: Name = "none"
    halvings: Annotated[int, AtLeast(0)] = 0
    split: Annotated[int, AtLeast(0)] = 0
    flows: bool = False
    steps: Annotated[int, AtLeast(0)] = 200
    batch: Annotated[int, AtLeast(2)] = 128
    twin: Annotated[int, AtLeast(0)] = added(0)


class OwnData(Task):
    """Measures `mi`, with its standard error or null flows where asked; only a twin has a truth."""

    Params = DataParams

    def prepare(self, cells: Sequence[DataParams], folder: DataFolder) -> list[str]:
        """Reads every file; a trial's key holds the digest of its contents.

        Raises:
            UsageError: a file is not what it says, or no estimator could say anything of it.
        """
        every = [read(cell, folder) for cell in cells]
        for cell, pairs in zip(cells, every, strict=True):
            refuse_useless_draw(pairs, cell.rows)
        return [f"sha256:{pairs.digest}" for pairs in every]

    def run(self, cells: Sequence[DataParams], context: Context) -> Iterator[list[Measurement]]:
        """Asks the estimator in every trial, one after the other."""
        for cell, trial in zip(cells, context.per_trial(), strict=True):
            pairs = read(cell, context.folder)
            answers = measured(cell, trial, *prepared(cell, pairs, trial.seeds[0]))
            yield list(_with_truth(answers, cell, known(cell, pairs)) if cell.twin else answers)


def read(cell: DataParams, folder: DataFolder) -> Pairs:
    """The pairs of a cell's file, as they are.

    Raises:
        UsageError: the file is not what it says, or no estimator could say anything of it.
    """
    if not cell.file:
        raise UsageError("task data is run on a file of yours: name it as in data[file=pairs.npz]")
    files = [_located(name, folder.root) for name in (cell.file, cell.partner) if name]
    x, y = read_patterns(cell.x), read_patterns(cell.y)
    return read_pairs(files, Reading(x=x, y=y, missing=cell.missing, codes=cell.codes))


def prepared(cell: DataParams, pairs: Pairs, seed: int = 0) -> tuple[Tensor, Tensor]:
    """The rows that a cell draws, or their twin as it is drawn for a seed, in float64, standardised if asked.

    Raises:
        UnfitError: there are too few rows for a twin.
    """
    rows = drawn(pairs, cell.rows)
    rows = known(cell, pairs).draw(len(rows[0]), cell.twin, seed) if cell.twin else rows
    x, y = map(torch.from_numpy, rows)
    if cell.standardize:
        x, y = standardised(x), standardised(y)
    return x, y


def known(cell: DataParams, pairs: Pairs) -> Twin:
    """The twin of the rows that a cell draws.

    Raises:
        UnfitError: there are too few of them.
    """
    twin = twin_of(pairs, cell.rows)
    if twin is None:
        raise UnfitError(f"{len(pairs)} rows are too few for a twin, which takes {FEWEST_ROWS}")
    return twin


def _with_truth(answers: Iterator[Measurement], cell: DataParams, twin: Twin) -> Iterator[Measurement]:
    """Answers beside the twin's information, or what a change leaves of it, where that is known."""
    truth: dict[str, Any] = {}
    if cell.change == "shuffled":
        truth = {"truth": 0.0, "truth_error": 0.0}
    elif twin.known and cell.change != "rounded":
        truth = {"truth": twin.information, "truth_error": twin.error}
    for answer in answers:
        yield replace(answer, **truth) if answer.name in _OF_INFORMATION else answer


def _located(name: str, folder: Path | None) -> Path:
    inside = folder / name if folder else Path(name)
    return inside if inside.exists() else Path(name)


def _stream(number: int, offset: int = 0) -> torch.Generator:
    """A stream that depends on nothing but what it is for, so that cells are on the same rows."""
    return torch.Generator().manual_seed(1000 * offset + number)


def measured(cell: DataParams, context: Context, x: Tensor, y: Tensor) -> Iterator[Measurement]:
    """What an estimator says of rows that are drawn and standardised already.

    Raises:
        UnfitError: it cannot say what is asked, or there are too few rows.
    """
    generator = context.data[0] if cell.change == "shuffled" else _stream(_CHANGE)
    x, y = changed(cell.change, x, y, generator)
    if not cell.flows and "value" not in context.spec.estimates:
        raise UnfitError(f"{context.spec.name} estimates no value; flows=true asks for its gradient")
    yield Measurement("samples", len(x), unit="pairs")
    if cell.flows:
        yield from _flows(cell, context, x, y)
        return
    parts = QUARTERS if cell.change == "quarters" else 1
    whole = sum(_value(cell, context, x[part::parts], y[part::parts]) for part in range(parts)) / parts
    yield Measurement("mi", whole)
    if not cell.halvings or context.spec.trains:
        return

    def ask(rows: Tensor) -> float:
        return _value(cell, context, x[rows], y[rows])

    yield from halved(ask, whole, len(x), cell.halvings, _stream(_HALVES))
    if not cell.twin:
        yield Measurement("mi_row_share", share_of_one_row(ask, whole, x, y, _stream(_BLOCKS)), unit="share")


def _value(cell: DataParams, context: Context, x: Tensor, y: Tensor) -> float:
    """One estimate; on rows that have trained nothing."""
    if len(x) < _FEWEST:
        raise UnfitError(f"{len(x)} rows are too few to estimate on")
    estimator, x, y = _fitted(cell, context, x, y)
    with torch.no_grad():
        if not context.spec.trains:
            return estimator.mi(x[None], y[None]).item()
        values = [estimator.mi(left[None], right[None]).item() for left, right in _batches(cell, x, y)]
    return sum(values) / len(values)


def _fitted(cell: DataParams, context: Context, x: Tensor, y: Tensor) -> tuple[Estimator, Tensor, Tensor]:
    """The estimator, trained where it trains, and the rows to judge it on."""
    estimator = context.estimator(x.shape[1], y.shape[1])
    x, y = (block.to(context.device, context.dtype) for block in (x, y))
    if not context.spec.trains:
        return estimator, x, y
    order = torch.randperm(len(x), generator=_stream(_SPLIT, cell.split))
    train, judge = order[: len(x) // 2], order[len(x) // 2 :]
    generator = context.data[0]
    for _ in range(cell.steps):
        rows = train[torch.randperm(len(train), generator=generator)[: cell.batch]]
        estimator.update(x[rows][None], y[rows][None])
    return estimator, x[judge], y[judge]


def _batches(cell: DataParams, x: Tensor, y: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Judged rows in equal batches of at least the size asked for, where there are so many."""
    count = max(1, len(x) // cell.batch)
    return [(x[part::count], y[part::count]) for part in range(count)]


def _flows(cell: DataParams, context: Context, x: Tensor, y: Tensor) -> Iterator[Measurement]:
    """The derivative along each flow, and the standard error of its mean over rows."""
    if "gradient" not in context.spec.estimates:
        raise UnfitError(f"{context.spec.name} estimates no gradient")
    if any(is_discrete(column) for column in y.T.numpy()):
        raise UnfitError("a column of y takes few values, so that no flow keeps its information")
    estimator, x, y = _fitted(cell, context, x, y)
    x, y = x[None], y[None].requires_grad_()
    (slope,) = torch.autograd.grad(estimator.surrogate(x, y).sum(), y)
    for name, flow in FLOWS.items():
        if name == "rotation" and y.shape[-1] < 2:
            continue
        along: Any = (slope * flow(y.detach())).sum(-1).double()[0] * y.shape[1]
        yield Measurement(f"null_flow/{name}", along.mean().item())
        yield Measurement(f"null_flow_error/{name}", (along.std() / y.shape[1] ** 0.5).item())
