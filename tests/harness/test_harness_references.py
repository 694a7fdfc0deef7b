"""A file of references is checked row by row, and one that cannot be used costs no other."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import Result
from comparison_toys import LOW, frame

import mibench
from mibench import ReferenceSpec
from mibench.comparison.references import COLUMNS, load_references
from mibench.discovery import Plugin
from mibench.discovery.registry import Registry
from mibench.errors import PluginError
from mibench.frames import write
from mibench.testing import doctor

Cli = Callable[..., Result]
PLUGIN = """
from mibench import ReferenceSpec, hookimpl


@hookimpl
def mibench_references():
    return [ReferenceSpec(name="ours-2026", file="published_data:references.csv")]
"""
GOOD = {
    "task": "toy",
    "estimator": "steady",
    "measurement": "error",
    "statistic": "mean",
    "value": "50",
    "spread": "",
    "provenance": "paper",
    "source": "A, Table 1",
    "settings": '{"d": 2}',
    "note": "",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package with a file of references that can be used, beside a plugin that names another."""
    folder = tmp_path / "published_data"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (tmp_path / "published.py").write_text(PLUGIN)
    monkeypatch.syspath_prepend(str(tmp_path))
    written(folder, "good.csv", GOOD)
    yield folder
    for name in ("published_data", "published"):
        sys.modules.pop(name, None)


def written(folder: Path, name: str, *rows: dict[str, str], separator: str = ",") -> None:
    pd.DataFrame(rows, columns=list(COLUMNS)).to_csv(folder / name, index=False, sep=separator)


def registry(*files: str) -> Registry:
    specs = [ReferenceSpec(name=name.partition(".")[0], file=f"published_data:{name}") for name in files]
    return Registry([Plugin("toys", "here", specs=specs)])


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"value": "nan"}, "row 2, column value: 'nan' is no finite number; leave it empty where it is not known"),
        ({"value": "-inf"}, "row 2, column value: '-inf' is no finite number; leave it empty where it is not known"),
        ({"value": "abc"}, "row 2, column value: 'abc' is no finite number; leave it empty where it is not known"),
        ({"value": "0,29"}, "row 2, column value: '0,29' is no finite number; write a point before its decimals"),
        ({"spread": "x"}, "row 2, column spread: 'x' is no finite number from 0 on; leave it empty where"),
        ({"spread": "inf"}, "row 2, column spread: 'inf' is no finite number from 0 on; leave it empty where"),
        ({"spread": "-0.01"}, "row 2, column spread: '-0.01' is no finite number from 0 on; leave it empty where"),
        ({"provenance": "me"}, "row 2, column provenance: 'me' is none of authors' code, ours, paper, third party"),
        ({"task": " "}, "row 2, column task is empty"),
        ({"statistic": ""}, "row 2, column statistic is empty"),
        ({"settings": "[1, 2]"}, "row 2, column settings: '[1, 2]' is not JSON of parameters and their values"),
        ({"settings": "null"}, "row 2, column settings: 'null' is not JSON of parameters and their values"),
        ({"settings": "3"}, "row 2, column settings: '3' is not JSON of parameters and their values"),
        ({"settings": ""}, "row 2, column settings: '' is not JSON of parameters and their values"),
        ({"settings": '["d": 2}'}, "row 2, column settings: '[\"d\": 2}' is not JSON of parameters and their values"),
        ({"settings": '{"d": [2]}'}, "row 2, column settings: '{\"d\": [2]}' is not JSON of parameters"),
        ({"settings": '{"d": NaN}'}, "row 2, column settings: '{\"d\": NaN}' is not JSON of parameters"),
        ({"settings": '{"d": 2, "d": 3}'}, 'row 2, column settings: \'{"d": 2, "d": 3}\' is not JSON of parameters'),
        ({"note": "again"}, "row 2 repeats row 1; keep one row for the same task, estimator, measurement"),
        ({"settings": '{"d": 2.0}', "value": "51"}, "row 2 says 51 where row 1 says 50; keep one row for the same"),
    ],
)
def test_a_row_that_is_no_reference_is_named_with_its_column(folder: Path, changes: dict[str, str], fault: str) -> None:
    written(folder, "bad.csv", GOOD, GOOD | changes)
    with pytest.raises(PluginError) as raised:
        load_references(registry("bad.csv"), ["bad"])
    start = f"reference 'bad' cannot be used: published_data:bad.csv: {fault}"
    assert str(raised.value).startswith(start)
    assert "\n" not in str(raised.value)


def test_what_is_no_file_of_references_says_what_it_lacks(folder: Path) -> None:
    written(folder, "semicolons.csv", GOOD, separator=";")
    (folder / "empty.csv").touch()
    (folder / "lacking.csv").write_text((folder / "good.csv").read_text().replace("spread", "sprd"))
    (folder / "short.csv").write_text(",".join(COLUMNS) + "\n\ntoy,steady\n")
    (folder / "twice.csv").write_text(",".join([*COLUMNS, "note"]) + "\n")
    faults = {
        "semicolons.csv": f"it lacks the columns {', '.join(COLUMNS)}; it seems to be separated by semicolons",
        "empty.csv": "it is empty",
        "lacking.csv": "it lacks the column spread",
        "short.csv": "row 2 has 2 fields, and the header has 10",
        "twice.csv": "two columns have one name",
        "none.csv": "it cannot be read: ",
    }
    sentences = load_references(registry(*faults)).attrs["left_out"]
    ours = sorted(faults.items(), key=lambda item: item[0].partition(".")[0])
    for sentence, (name, fault) in zip(sentences, ours, strict=True):
        assert f"published_data:{name}: {fault}" in sentence


def test_what_may_be_absent_is_absent_and_the_rest_is_read_as_it_stands(folder: Path) -> None:
    rows = [GOOD | {"settings": '{"a": true, "b": null, "c": "x"}'}, GOOD | {"value": "", "source": "B"}]
    written(folder, "fine.csv", *rows)
    (folder / "fine.csv").write_text("\ufeff" + (folder / "fine.csv").read_text("utf-8"), "utf-8")
    references = load_references(registry("fine.csv"))
    assert references["settings"].tolist() == [{"a": True, "b": None, "c": "x"}, {"d": 2}]
    assert references["value"].isna().tolist() == [False, True]
    assert references.attrs["left_out"] == []


def test_a_file_that_cannot_be_used_costs_no_other(folder: Path) -> None:
    written(folder, "bad.csv", GOOD | {"value": "nan"})
    brought = registry("bad.csv", "good.csv")
    assert load_references(brought)["reference"].tolist() == ["good"]
    assert load_references(brought, ["good"]).attrs["left_out"] == []
    (finding,) = (it for it in doctor.plugin_health(brought) if it.status == "wrong")
    assert "published_data:bad.csv: row 1, column value" in finding.detail


def test_a_package_that_fails_when_it_is_imported_costs_no_other(folder: Path) -> None:
    (folder.parent / "published_badly").mkdir()
    (folder.parent / "published_badly" / "__init__.py").write_text("raise RuntimeError('no')\n")
    spec = ReferenceSpec(name="bad", file="published_badly:references.csv")
    (sentence,) = load_references(Registry([Plugin("toys", "here", specs=[spec])])).attrs["left_out"]
    assert sentence.endswith("published_badly:references.csv: it cannot be read: no")


def test_commands_show_their_tables_without_it_and_only_who_asks_for_it_is_refused(
    cli: Cli, toy_cli: Cli, folder: Path, tmp_path: Path
) -> None:
    written(folder, "references.csv", GOOD | {"value": "nan"})
    sentence = "mibench: reference 'ours-2026' cannot be used: published_data:references.csv: row 1, column value"
    plugin, results = ["-p", "./published.py"], ["--results", str(tmp_path / "results")]
    ran = toy_cli("-e", "steady", *results, *plugin)
    for done in (ran, cli("show", *results), cli("show", *results, *plugin), cli("report", *results, *plugin)):
        assert done.exit_code == 0, done.output
        assert done.stdout
    for done in (ran, cli("show", *results, *plugin), cli("report", *results, *plugin)):
        assert sum(line.startswith(sentence) for line in done.stderr.splitlines()) == 1
    write(frame({"error": LOW}), tmp_path / "ours.csv")
    rest = cli("compare", "ours.csv", *plugin)
    assert rest.exit_code == 0
    assert f"  {sentence.removeprefix('mibench: ')}" in rest.stderr
    asked = cli("compare", "ours.csv", *plugin, "--reference", "ours-2026")
    assert (asked.exit_code, asked.stdout) == (2, "")
    (line,) = asked.stderr.splitlines()
    assert line.startswith(sentence)


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ('{"roh": 0.5}', "gaussian has no parameter 'roh'; did you mean rho?"),
        ('{"rho": "0.5"}', 'rho of gaussian is a number, not "0.5": a number is written without quotes'),
        ('{"bend": 3}', "not 3: text is written in quotes"),
        ('{"rho": 0.7, "d": 2}', None),
    ],
)
def test_settings_that_no_run_can_have_are_refused_by_file_and_row(
    folder: Path, tmp_path: Path, cli: Cli, settings: str, fault: str | None
) -> None:
    about = {"task": "gaussian", "estimator": "gauss", "measurement": "mi"}
    written(folder, "references.csv", GOOD, GOOD | about | {"settings": settings})
    ran = cli("run", "-e", "gauss", "-t", "gaussian[d=2,rho=0.5,n=32]", "--seeds", "2", "--results", "ran")
    assert ran.exit_code == 0, ran.output
    asked = cli("compare", "ran", "-p", "./published.py", "--reference", "ours-2026")
    rest = cli("compare", "ran", "-p", "./published.py")
    start = "reference 'ours-2026' cannot be used: published_data:references.csv: row 2, column settings: "
    if fault is None:
        assert {asked.exit_code, rest.exit_code} <= {0, 1}, "nothing is refused"
        assert start not in rest.stderr
    else:
        assert (asked.exit_code, asked.stdout) == (2, "")
        (line,) = asked.stderr.splitlines()
        assert line.startswith(f"mibench: {start}")
        assert line.endswith(fault)
        assert f"  {line.removeprefix('mibench: ')}\n" in rest.stderr


def test_python_warns_of_it(folder: Path, tmp_path: Path) -> None:
    written(folder, "references.csv", GOOD | {"value": "nan"})
    with pytest.warns(UserWarning, match="reference 'ours-2026' cannot be used"):
        mibench.report(frame({"error": LOW}), plugins=tmp_path / "published.py")
    compared: Any = mibench.compare(frame({"error": LOW}), plugins=tmp_path / "published.py")
    assert "reference 'ours-2026' cannot be used" in json.dumps(compared.attrs["left_out"])
