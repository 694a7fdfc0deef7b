"""What a run of Deep InfoMax says: accuracies beside the paper's, and in what the two differ."""

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from mibench.frames import cell_columns
from mibench.outcome import Status
from mibench.tables import not_ok, over_seeds
from mibench.text import fixed, listed, text
from mibench_dim.plugin import LAYERS

KIND = ("dataset", "mode", "prior_matching")
"""What a published number must agree in to stand beside a measured one; other settings may differ, and are told."""

NOT_SAID: Mapping[str, Any] = {
    "x": "auto",
    "probe_epochs": 150,
    "learning_rate": 1e-4,
    "probe_learning_rate": 1e-4,
    "precision": "float32",
    "channels": "64x128x256",
    "hidden": 1024,
    "dimension": 64,
    "local_units": 2048,
    "noise": 0.0,
    "power": "free",
}
"""Settings that published numbers do not name, with the task's defaults as frames spell them: other ones are told."""


def table(frame: pd.DataFrame, references: pd.DataFrame) -> pd.DataFrame:
    """Top-1 accuracy in per cent at each probe after the last epoch, mean ± standard deviation over seeds.

    Args:
        frame: a tidy frame of the task.
        references: as loaded by `mibench.comparison.references`.

    Returns:
        One row a cell and estimator: what x was, accuracies and the paper's, what is lost from conv to Y, the scale and
        the effective rank of Y, and seconds an epoch of the encoder; what is the same in all rows is left
        out. The note says in which settings published numbers differ, and which data sets are not the official ones.
    """
    cell = cell_columns(frame)
    columns = ["estimator", "seed", "measurement", "epoch", "value", "status", "data", "key"]
    rows, known = [], _records(references[references["task"] == "dim"])
    different: dict[str, dict[str, None]] = {}
    shown = frame.loc[frame["epoch"].isna() | (frame["status"] != Status.OK.value), [*cell, *columns]]
    for key, group in shown.groupby([*cell, "estimator"], sort=True, dropna=False):
        trial = dict(zip([*cell, "estimator"], key, strict=True))
        published = [reference for reference in known if _is_about(reference, trial)]
        for theirs, ours in (pair for row in published for pair in _differences(trial, row)):
            different.setdefault(theirs, {})[ours] = None
        rows.append(_row(trial, group, published))
    shown = pd.DataFrame(rows)
    constant = [name for name in cell if name not in {"dataset", "x"} and shown[name].nunique(dropna=False) == 1]
    shown = shown.drop(columns=[*constant, *(["not ok"] if not shown["not ok"].any() else [])])
    shown.attrs["shows"] = {layer: f"accuracy/{layer}" for layer in reversed(LAYERS)}
    shown.attrs["note"] = "\n".join(
        [
            *(f"published: {theirs}, where ours is {listed(ours)}." for theirs, ours in different.items()),
            *_identities(frame),
        ]
    )
    return shown


def _row(trial: Mapping[str, Any], group: pd.DataFrame, published: list[dict[str, Any]]) -> dict[str, Any]:
    nothing = pd.Series(dtype=float)
    ends = group[group["epoch"].isna() & group["value"].notna()]
    by_trial = ends.set_index(["seed", "data"])  # so that two layers are subtracted within a trial
    values = {str(name): rows for name, rows in by_trial.groupby("measurement")["value"]}
    sources = [name.removeprefix("x_dimension/") for name in values if name.startswith("x_dimension/")]
    accuracies = {layer: values.get(f"accuracy/{layer}", nothing) for layer in LAYERS}
    paper = {str(row["measurement"]).removeprefix("accuracy/"): _value(row["value"]) for row in published}
    columns = {f"{layer}{suffix}": text for layer in LAYERS for suffix, text in _pair(layer, accuracies, paper)}
    return {
        **{name: value for name, value in trial.items() if name != "estimator"},
        "estimator": trial["estimator"],
        "x": ", ".join(sources) or trial.get("x", ""),
        "seeds": ends["seed"].nunique(),
        **columns,
        "conv - Y": over_seeds(accuracies["conv"] - accuracies["Y"], 2),
        "std": over_seeds(values.get("std", nothing), 3),
        "eff. rank": over_seeds(values.get("effective_rank", nothing), 1),
        "s/epoch": over_seeds(values.get("epoch_seconds", nothing), 3),
        "not ok": not_ok(group.drop_duplicates("key")),
    }


def _pair(layer: str, accuracies: Mapping[str, Any], paper: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    return ("", over_seeds(accuracies[layer], 2)), (" (paper)", paper.get(layer, ""))


def _records(references: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in references.to_dict("records")]


def _is_about(reference: Mapping[str, Any], trial: Mapping[str, Any]) -> bool:
    """Whether a published number is about this estimator on this kind of cell."""
    settings = reference["settings"]
    return reference["estimator"] == trial["estimator"] and all(settings.get(name) == trial[name] for name in KIND)


def _differences(trial: Mapping[str, Any], published: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """What a published number says of a setting, and what this trial has instead."""
    settings = published["settings"]
    for name, value in settings.items():
        if name not in KIND and trial.get(name) != value:
            yield f"{name}={text(value)}", f"{name}={text(trial.get(name))}"
    for name, value in NOT_SAID.items():
        if name not in settings and (ours := text(trial.get(name))) not in {"", text(value)}:
            yield f"{name} is not said", f"{name}={ours}"


def _identities(frame: pd.DataFrame) -> list[str]:
    return [
        f"data: {name}." for name in sorted(set(frame["data"].dropna())) if name and not name.endswith(": official")
    ]


def _value(number: float) -> str:
    return "not given" if pd.isna(number) else fixed(number, 2)
