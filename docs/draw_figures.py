"""Draws the figures of pages from the frames in `results/`: `python docs/draw_figures.py [FOLDER [NAME...]]`.

Nothing is measured. `docs/explanations/figures.py` draws the figures of the explanations.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
from frame_queries import RESULTS
from matplotlib.figure import Figure

import mibench
from mibench.comparison.archive import joined
from mibench.frames import read
from mibench.style import STYLE

FIGURES = Path(__file__).parent / "figures"
BOTH = ("svg", "png")
OF_FAMILIES = "oracle,gauss,mige,mige[threshold=0.9999,calibration=full],rsm"


@dataclass(frozen=True)
class Drawn:
    """Figures of a task.

    Attributes:
        frames: of which frames.
        task: of which cells.
        figures: which ones.
        estimators: of which estimators; empty for all.
        forms: in which formats.
        renamed: the name of the only figure, if it has not its own.
    """

    frames: str
    task: str
    figures: Sequence[str]
    estimators: str = ""
    forms: Sequence[str] = BOTH
    renamed: str = ""


_GAUSSIAN = "gaussian gaussian-variants gaussian-critics"
_FAMILIES = "families-oracle families-gauss families-mige families-mige-variants families-rsm"
_TABLE_1 = "dim[dataset=cifar10,epochs=10,probe_epochs=30"
DRAWN = [
    Drawn(
        _GAUSSIAN,
        "gaussian[d=5|10|20,bend=none]",
        ("curves", "error-and-seconds"),
        "mige,mige[calibration=full],mine,mine-f,infonce,jsd",
    ),
    Drawn("gaussian", "gaussian[d=8|16]", ("bias-and-deviation",)),
    Drawn("dim-table1", f"{_TABLE_1}]", ("accuracy", "probe-curves", "deviation")),
    Drawn("dim-table1", f"{_TABLE_1},prior_matching=false]", ("confusion",), "mige"),
    Drawn("dim-figure2", "dim[x=auto]", ("projections",)),
    Drawn("study", "dim", ("accuracy-and-information", "accuracy-and-cosine"), forms=("svg",)),
    Drawn("ib-mnist", "ib", ("epochs", "reliability")),
    Drawn("ib-mige-forms", "ib", ("epochs",), renamed="ib-mige-forms"),
    Drawn("sphere", "sphere[d=3|8]", ("curves-kappa",), OF_FAMILIES, ("png",)),
    Drawn(
        "interactions interactions-fitted",
        "interaction[function=inner|wave|parity,k=2|4,rotate=false]",
        ("curves-snr",),
        OF_FAMILIES,
        ("png",),
    ),
    *(
        Drawn(_FAMILIES, task, (curves,), OF_FAMILIES, ("png",))
        for task, curves in (
            ("x-mixture[d=1|5]", "curves-r"),
            ("student[bend=none,dx=1|5]", "curves-nu"),
            ("bpsk[d=1|5]", "curves-snr"),
            ("ring[copies=1|5]", "curves-kappa"),
            ("exponential-noise[d=1|5]", "curves-s"),
            ("inliers[dx=2|5]", "curves-strength"),
            ("gamma-exponential[d=1|5]", "curves-shape"),
            ("gaussian-pairs[gauge=own,dx=2|5]", "curves-strength"),
        )
    ),
]
"""Every figure of a page but those of the explanations."""


def drawn(of: Drawn) -> Iterator[tuple[str, Figure]]:
    """The figures, by the names of their files."""
    rows = joined([read(RESULTS / f"{name}.csv") for name in of.frames.split()])
    for name, figure in mibench.plot(rows, of.task, estimators=of.estimators, figures=of.figures).items():
        yield of.renamed or name, figure


def files(of: Drawn) -> list[str]:
    """The files that it is drawn to."""
    stem = of.task.partition("[")[0]
    return [f"{of.renamed or f'{stem}-{name}'}.{form}" for name in of.figures for form in of.forms]


def main() -> None:
    """Draws all figures, or those that are named, to a folder; only says how where a word begins with `-`."""
    if any(word.startswith("-") for word in sys.argv[1:]):
        print(__doc__)
        return
    folder, *wanted = sys.argv[1:] or [FIGURES]
    Path(folder).mkdir(parents=True, exist_ok=True)
    for of in DRAWN:
        if wanted and not {*wanted} & {file.partition(".")[0] for file in files(of)}:
            continue
        for name, figure in drawn(of):
            for form in of.forms:
                with mpl.rc_context(STYLE):  # whose salt makes equal figures equal files
                    metadata = {"Date": None} if form == "svg" else {}
                    figure.savefig(Path(folder) / f"{name}.{form}", metadata=metadata)


if __name__ == "__main__":
    main()
