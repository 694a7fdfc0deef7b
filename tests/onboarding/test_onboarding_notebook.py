"""What a notebook shows: the example is executed, and the functions take frames and folders, no registry."""

import warnings
from pathlib import Path

import nbclient
import nbformat
import pytest
from mibench_neighbours.ksg import KSG

import mibench
from mibench.comparison.archive import read_shipped
from mibench.discovery import load_plugins
from mibench.discovery.registry import Registry
from mibench.errors import TrialsFailed, UsageError
from mibench.frames.records import records_of
from mibench.store import Store

ROOT = Path(__file__).parents[2]
RING = "ring[d=1,kappa=2]"


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    mibench.run("gauss,mige,oracle", "ring[kappa=1|2,n=64]", seeds=2, results=folder)
    return folder


@pytest.mark.filterwarnings("ignore")  # of the kernel's own sockets
def test_the_example_notebook_runs_and_shows_what_it_promises(tmp_path: Path) -> None:
    notebook = nbformat.read(ROOT / "examples" / "tour.ipynb", as_version=4)
    client = nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}})
    client.execute()
    shown = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    pages = [output["data"]["text/html"] for output in shown if "text/html" in output.get("data", {})]
    texts = [output["data"]["text/plain"] for output in shown if "data" in output]
    assert any("mibench: 36 of 36 trials: 36 ok" in text for text in texts)
    assert sum("<svg" in page for page in pages) == 1  # the figure; those of the report are escaped
    assert any(page.startswith("<iframe srcdoc=") for page in pages)
    assert any("not applicable" in page and "passed" in page for page in pages)


def test_records_made_of_a_wide_frame_are_those_that_were_measured(results: Path) -> None:
    records, _ = Store(results).read()
    again = {record.key: record for record in records_of(mibench.load(results, wide=True))}
    assert len(again) == len(records)
    for record in records:
        twin = again[record.key]
        for name in ("cell", "parameters"):  # a frame does not tell none from absent
            told = {key: value for key, value in getattr(record.trial, name).items() if value is not None}
            assert getattr(twin.trial, name) == told
        assert set(twin.outcome.measurements) == set(record.outcome.measurements)
        assert twin.environment == record.environment


def test_a_report_of_a_frame_is_that_of_its_folder(results: Path, tmp_path: Path) -> None:
    of_folder, of_frame = mibench.report(results), mibench.report(mibench.load(results, wide=True))
    of_frame_alone = of_folder.html.replace(f" --results {results}", "")  # where it is, a frame does not say
    assert of_frame_alone == of_frame.html
    assert "Who is ahead of whom" in of_folder.html
    assert of_frame.save(tmp_path / "a" / "report.html").read_text("utf-8") == of_frame.html
    assert of_frame._repr_html_().startswith("<iframe srcdoc=")
    assert "<script" not in of_frame._repr_html_()


def test_figures_are_those_of_a_task_or_of_all(results: Path) -> None:
    assert list(mibench.plot(results, "ring")) == ["ring-curves-kappa"]
    figures = mibench.plot(mibench.load(results), figures=["profile", "pairs-mi_gradient"])
    assert list(figures) == ["profile", "pairs-mi_gradient"]
    assert figures._repr_html_().count("<svg") == 2
    with pytest.raises(UsageError, match="no such results"):
        mibench.plot(results, "student")


def test_what_mibench_ships_is_put_beside(results: Path) -> None:
    cell = read_shipped().query("task == 'ring'").iloc[0]
    assert cell["n"] == 256  # the results here have 64 pairs, so that nothing agrees
    assert "(shipped)" not in mibench.report(results, shipped=True).html


def test_a_check_is_a_frame_of_verdicts() -> None:
    verdicts = mibench.check("ksg[k=3]")
    assert list(verdicts.columns) == ["name", "status", "message"]
    assert set(verdicts["status"]) == {"passed", "not applicable"}
    with pytest.raises(UsageError, match="several values"):
        mibench.check("ksg[k=3|4]")


def test_a_check_of_what_cannot_be_is_refused() -> None:
    known = {entry.name: entry.spec for entry in Registry(load_plugins()).entries(mibench.EstimatorSpec)}
    for subject in ("ksg", "ksg[variant=2]", known["ksg"], KSG):
        with pytest.raises(UsageError, match=r"^estimator '(ksg|KSG)' has no parameter 'nope'; "):
            mibench.check(subject, {"nope": 1})
        with pytest.raises(UsageError, match=r"^estimator '(ksg|KSG)': `k` is at least 1, not 0$"):
            mibench.check(subject, {"k": 0})
        for steps in (-1, 1.5, True, "3"):
            with pytest.raises(UsageError, match=r"^`steps` is a whole number from 0 on, not "):
                mibench.check(subject, steps=steps)  # pyright: ignore[reportArgumentType]


def test_a_warning_counts_what_failed(tmp_path: Path) -> None:
    plugin = tmp_path / "raiser.py"
    plugin.write_text(
        """
from mibench import ArrayEstimator, EstimatorSpec, hookimpl
class Raiser(ArrayEstimator):
    def estimate(self, x, y):
        raise ValueError("no")
@hookimpl
def mibench_estimators():
    return [EstimatorSpec(name="raiser", target=Raiser, estimates={"value"})]
""",
        "utf-8",
    )
    with pytest.warns(TrialsFailed, match=r"2 of 4 trials failed \(2 failed\)"):
        mibench.run("raiser,gauss", "ring[kappa=1,n=64]", seeds=2, results=tmp_path / "r", plugins=plugin)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mibench.run("gauss", "ring[kappa=1,n=64]", seeds=2, results=tmp_path / "r")


def test_no_module_hides_a_public_function() -> None:
    """Importing `mibench.NAME` would bind the module in place of the function."""
    functions = {name for name in mibench.__all__ if callable(getattr(mibench, name)) and name.islower()}
    modules = {path.stem for path in (ROOT / "mibench").iterdir() if path.suffix == ".py" or path.is_dir()}
    assert functions & modules == {"compare", "report"}  # which can be called themselves, until they go
