"""What is drawn of a task, declared once: a `Chart` with its axes. Imports neither torch nor pandas."""

from dataclasses import dataclass
from typing import Literal, get_args

Kind = Literal["lines", "points", "bars"]
Statistic = Literal["mean", "bias", "std", "rmse", "relative_rmse"]
End = Literal["lower", "higher"]


@dataclass(frozen=True)
class Axis:
    """What a chart shows along one axis.

    Attributes:
        of: a measurement, or a beginning and `*` for several (`accuracy/*`); a parameter of the cell; or one of the
            tidy frame's `epoch`, `truth`, `seconds` and `measurement`.
        label: what a reader sees, with the unit; `of` if empty.
        statistic: of a measurement: `mean`; `rmse` or `relative_rmse` of a seed's cells against their truths (each with
            its deviation over seeds); `bias` or `std`, the rms over cells of what seeds have in common or not.
        log: whether the axis is logarithmic.
        better: which end is good, `lower` or `higher`.
    """

    of: str
    label: str = ""
    statistic: Statistic = "mean"
    log: bool = False
    better: End = "lower"

    def __post_init__(self) -> None:
        if self.statistic not in get_args(Statistic):
            raise ValueError(f"axis {self.of!r}: there is no statistic {self.statistic!r}")
        if self.better not in get_args(End):
            raise ValueError(f"axis {self.of!r}: better is lower or higher, not {self.better!r}")

    @property
    def title(self) -> str:
        """The label, or what it stands for."""
        return self.label or self.of


@dataclass(frozen=True, kw_only=True)
class Chart:
    """Declares a chart of a task in `mibench report`.

    Colours are estimators. Every setting that differs and is named by none of the attributes is a panel of its own, so
    that no two settings are averaged unasked.

    Attributes:
        title: its heading.
        kind: `lines` of y over x, a parameter, `epoch` or `truth`; `points`, one an estimator, where x is a measurement
            or `seconds`; `bars` in groups by x, a parameter or `measurement`.
        x, y: the axes.
        pooled: a parameter whose cells are taken together: those of a curve, say.
        along: for `points`, a parameter of which every value is a point, joined in its order.
        front: for `points`, whether to mark those that no other beats on both axes.
        note: one sentence below it: what to see, or beware of.
    """

    title: str
    kind: Kind
    x: Axis
    y: Axis
    pooled: str = ""
    along: str = ""
    front: bool = False
    note: str = ""

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ValueError(f"chart {self.title!r}: there is no kind {self.kind!r}")
        if self.kind != "points" and (self.along or self.front):
            raise ValueError(f"chart {self.title!r}: only points have along and front")
