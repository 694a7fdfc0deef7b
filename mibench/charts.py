"""What is drawn of a task, declared once: a `Chart` with its axes. Imports neither torch nor pandas."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from mibench.declared import check_fields

Kind = Literal["lines", "points", "bars", "matrix"]
Statistic = Literal["mean", "bias", "std", "rmse", "relative_rmse"]
SeedStyle = Literal["band", "lines"]
End = Literal["lower", "higher"]


@dataclass(frozen=True)
class Axis:
    """What a chart shows along one axis.

    Attributes:
        of: a measurement, or a beginning and `*` for several (`accuracy/*`); a parameter of the cell; one of the
            estimator, `estimator.NAME`; or one of the tidy frame's `epoch`, `truth`, `seconds` and `measurement`. Along
            x also `{theta}`, what the parameter `theta` names: a chart for each name, in whose texts `{theta}` is the
            name.
        label: what a reader sees, with the unit; `of` if empty.
        statistic: of a measurement: `mean`; `rmse` or `relative_rmse` of one seed's cells against their truths, drawn
            as the mean over seeds with the standard deviation; `bias` or `std`, the root mean square over cells of
            what all seeds have in common, and of how they differ.
        log: whether the axis is logarithmic.
        shared: whether all panels have the same range along this axis.
        order: of several measurements those that come first, without what all of them begin with (`conv` of
            `accuracy/conv`); of a matrix's x the columns that come first, in whose order its rows stand too. The others
            follow by name.
    """

    of: str
    label: str = ""
    statistic: Statistic = "mean"
    log: bool = False
    shared: bool = False
    order: Sequence[str] = ()

    def __post_init__(self) -> None:
        check_fields(self, f"axis {self.of!r}")
        object.__setattr__(self, "order", tuple(self.order))  # a list has no hash

    @property
    def title(self) -> str:
        """The label, or what it stands for."""
        return self.label or self.of


@dataclass(frozen=True, kw_only=True)
class Chart:
    """Declares a chart of a task: `mibench report` and `mibench plot` draw it alike.

    Colours are estimators. Each combination of the parameters that differ and that no attribute names is a panel, so
    that nothing is averaged unasked.

    Attributes:
        title: its heading in a report.
        kind: `lines` of y over x, a parameter, `epoch` or `truth`; `points`, one for each estimator, where x is a
            measurement or `seconds`; `bars` in groups by x, a parameter or `measurement`; `matrix`, a row for each
            estimator, a column for each x, a parameter, and y as the colour.
        x: the horizontal axis.
        y: the vertical axis; of several, each has a row of panels of its own.
        name: what `mibench plot --figure` calls it; if empty, the title in lower case with `-` for what is no letter.
        pooled: a parameter whose cells are taken together: those of a curve, say.
        series: parameters of the cell that are not panels, but stand beside the estimator's name: `jsd, dropout=0.5`.
        along: for `points`, a parameter of which every value is a point; they are joined in the parameter's order. An
            estimator that has no x is a level line.
        front: for `points`, whether to mark those that no other beats on both axes. Which end of an axis is good
            follows from the task's `better`; where that does not say, it is the lower one.
        seeds: for `lines`, how they scatter: a `band` of one standard deviation, or a light line for each (`lines`).
        note: one sentence below it: what to see, or beware of.
    """

    title: str
    kind: Kind
    x: Axis
    y: Axis | Sequence[Axis]
    name: str = ""
    pooled: str = ""
    series: Sequence[str] = ()
    along: str = ""
    front: bool = False
    seeds: SeedStyle = "band"
    note: str = ""

    def __post_init__(self) -> None:
        check_fields(self, f"chart {self.title!r}")
        if self.kind != "points" and (self.along or self.front):
            raise ValueError(f"chart {self.title!r}: only points have along and front")
        if self.kind != "lines" and self.seeds != "band":
            raise ValueError(f"chart {self.title!r}: only lines have a line for each seed")
        if not self.rows:
            raise ValueError(f"chart {self.title!r}: it has no y")

    @property
    def rows(self) -> tuple[Axis, ...]:
        """The vertical axes."""
        return (self.y,) if isinstance(self.y, Axis) else tuple(self.y)

    @property
    def slug(self) -> str:
        """Its name, made of the title where it has none; `chart` where that has no letter."""
        return self.name or re.sub(r"[^\w]+", "-", self.title.lower()).strip("-") or "chart"
