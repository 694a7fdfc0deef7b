"""What the README and the pages tell a reader to type works."""

import csv
import re
import runpy
import shlex
import sys
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result

import mibench
from mibench import DatasetSpec, FamilySpec
from mibench.cli import main
from mibench.comparison.references import COLUMNS
from mibench.contracts import Dataset, Split
from mibench.datasets import DataFolder
from mibench.discovery import load_plugins
from mibench.discovery.registry import Registry
from mibench.testing import check_family

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
IN_ORDER = ROOT / "docs" / "tutorial.md"
"""Its commands build on each other, and are run together, in an environment where they may install things."""
WITH_ESTIMATOR = [
    (ROOT / "README.md", "my-gauss", "my_estimator.py"),
    (ROOT / "docs" / "plugins.md", "my-gauss", "my_estimator.py"),
    (ROOT / "docs" / "training.md", "my-critic", "my_critic.py"),
]
"""Pages, and the estimator that each defines in a file."""


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)


def commands() -> list[str]:
    """Every `mibench` command of every console block, without the prompt or what sets it up."""
    lines = [
        line.removeprefix("$ ")
        for page in PAGES
        if page != IN_ORDER
        for block in blocks(page, "console")
        for line in block.splitlines()
    ]
    return sorted({line[line.index("mibench ") :] for line in lines if re.search(r"(^|uv run )mibench ", line)})


def files() -> dict[str, str]:
    """What the pages define, by the name of the file in a block's first line, e.g. `# my_task.py`."""
    files = [block for page in reversed(PAGES) for block in blocks(page, "python") if re.match(r"# \w+\.py\n", block)]
    return {block.splitlines()[0].removeprefix("# "): block for block in files}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder with the files that the pages define, and no data sets but those of an installation."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MIBENCH_DATA", raising=False)
    monkeypatch.setattr(sys, "path", list(sys.path))  # a plugin's folder is added to it
    for name, source in files().items():
        monkeypatch.delitem(sys.modules, name.removesuffix(".py"), raising=False)
        (tmp_path / name).write_text(source)
    return tmp_path


def run(line: str, *more: str) -> Result:
    return CliRunner().invoke(main, [*shlex.split(line, comments=True)[1:], *more])


def test_there_are_commands_to_test() -> None:
    assert any("--estimators mige,mine --task gaussian" in command for command in commands())


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("command", [command for command in commands() if command.startswith("mibench run")])
def test_every_run_in_the_pages_is_understood(command: str) -> None:
    result = run(command, "--dry-run")
    assert result.exit_code == 0, result.output
    assert "to run" in result.output


def commands_that_need_files() -> list[str]:
    """Every `mibench run` of every bash block, which holds what needs data sets; continued lines are one."""
    text = "\n".join(block for page in PAGES for block in blocks(page, "bash"))
    lines = text.replace("\\\n", " ").splitlines()
    return [line for line in lines if line.startswith("mibench run ")]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("command", commands_that_need_files())
def test_every_run_that_needs_data_sets_is_understood_where_they_are(
    command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = {entry.spec.name for entry in Registry(load_plugins()).entries(DatasetSpec)}

    def load(folder: DataFolder, name: str) -> Dataset:
        del folder
        assert name in known
        images = torch.zeros(1, 3, 32, 32, dtype=torch.uint8).expand(50_000, -1, -1, -1)
        split = Split(images, torch.zeros(len(images), dtype=torch.long))
        return Dataset(train=split, test=split, classes=10, identity="blank")

    monkeypatch.setattr(DataFolder, "load", load)
    result = run(command, "--dry-run")
    assert result.exit_code == 0, result.output
    assert "to run" in result.output


@pytest.mark.usefixtures("folder")
def test_every_other_command_in_the_pages_works() -> None:
    smoke = "mibench run --estimators mige,gauss --task gaussian --profile smoke --executor serial"
    assert run(smoke).exit_code == 0
    assert run(f"{smoke} --results mine").exit_code == 0
    runpy.run_path("make_diabetes.py")
    for command in (line for line in commands() if not line.startswith("mibench run")):
        result = run(command)
        assert result.exit_code == 0, f"{command}: {result.output}"


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(("page", "name", "file"), WITH_ESTIMATOR, ids=[page.name for page, _, _ in WITH_ESTIMATOR])
def test_the_estimator_of_a_page_runs_and_keeps_the_contract(page: Path, name: str, file: str) -> None:
    (source,) = (block for block in blocks(page, "python") if f"# {file}" in block)
    Path(file).write_text(source)
    frame = mibench.run(name, "gaussian", profile="smoke", device="cpu", plugins=[f"./{file}"])
    assert set(frame["status"]) == {"ok"}
    checked = run(f"mibench check {name} -p ./{file}")
    assert checked.exit_code == 0, checked.output
    assert checked.output.endswith(f"{name}: keeps the contract\n")


@pytest.mark.parametrize("name", ["sk-ksg", "npeet", "infomeasure"])
@pytest.mark.usefixtures("folder")
def test_a_function_of_a_library_runs_and_gives_nats(name: str) -> None:
    file = "my_functions.py" if name == "sk-ksg" else "more_functions.py"
    frame = mibench.run(name, "gaussian[d=1,rho=0.8,n=256]", seeds=3, device="cpu", plugins=[f"./{file}"])
    assert set(frame["status"]) == {"ok"}
    assert (frame["value"].mean() - frame["truth"].mean()) == pytest.approx(0, abs=0.1)


@pytest.mark.usefixtures("folder")
def test_the_trained_estimator_of_a_page_learns_most_of_what_there_is() -> None:
    frame = mibench.run("my-critic", "gaussian[d=5,rho=0.5]", device="cpu", plugins=["./my_critic.py"])
    value, slope = (frame.loc[frame["measurement"] == name] for name in ("mi", "mi_gradient"))
    assert (value["value"] / value["truth"]).between(0.5, 1.1).all()
    assert (slope["value"] / slope["truth"]).between(0.5, 1.5).all()


@pytest.mark.usefixtures("folder")
def test_the_task_of_a_page_runs_and_batches_trials() -> None:
    asked = {"profile": "smoke", "device": "cpu", "plugins": ["./my_task.py"]}
    whole = mibench.run("infonce[hidden=8x8]", "channel[snr=1|4]", batch=2, **asked)
    apart = mibench.run("infonce[hidden=8x8]", "channel[snr=1|4]", results="other", **asked)
    assert set(whole["status"]) == {"ok"}
    assert whole["value"].tolist() == pytest.approx(apart["value"].tolist(), rel=1e-4)


@pytest.mark.usefixtures("folder")
def test_the_data_set_of_a_page_loads() -> None:
    specs = tuple(entry.spec for entry in Registry(load_plugins(["./my_data.py"])).entries(DatasetSpec))
    folder = DataFolder(specs=specs)
    data = folder.load("stripes")
    assert (len(data.train), len(data.test), data.classes) == (1500, 500, 2)
    assert data.train.images.dtype == torch.uint8
    assert data.train.images.shape[1:] == (1, 8, 8)
    assert folder.identify("stripes").startswith("stripes: sha256:")


def test_the_references_of_a_page_are_ones_that_mibench_brings() -> None:
    page = ROOT / "docs" / "references.md"
    (block,) = blocks(page, "none")
    (row,) = csv.DictReader(block.splitlines())
    assert tuple(row) == COLUMNS
    assert block.splitlines()[1] in (ROOT / "plugins/mibench_gaussian/references.csv").read_text()
    rows = re.findall(r"^\| (`.*?) \|", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", " ".join(rows))) == set(COLUMNS)


FAMILY = ROOT / "docs" / "family.md"
MISTAKES = re.findall(r"^\| `(.*?)` \| `(.*?)` \| (.*) \|$", FAMILY.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.usefixtures("folder")
def test_the_family_of_a_page_runs_bent_and_in_copies_and_its_truth_holds() -> None:
    tasks = "gamma-ratios[c=0.5|2,d=1|5,bend=none|asinh,n=64]"
    frame = mibench.run("oracle,gauss", tasks, seeds=2, device="cpu", plugins=["./my_family.py"])
    assert set(frame["status"]) == {"ok"}
    assert set(frame["d"]) == {1, 5}
    checked = run("mibench check gamma-ratios -p ./my_family.py")
    assert checked.output.endswith("gamma-ratios: its truth holds in every way\n")


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(("right", "wrong", "claims"), MISTAKES)
def test_mistakes_in_the_family_of_a_page_are_caught_as_it_says(right: str, wrong: str, claims: str) -> None:
    source = files()["my_family.py"]
    assert source.count(right) == 1
    Path("my_family.py").write_text(source.replace(right, wrong))
    spec = Registry(load_plugins(["./my_family.py"])).find(FamilySpec, "gamma-ratios").spec
    findings = check_family(spec)
    assert {finding.claim for finding in findings if not finding.holds} == set(re.findall(r"`(.*?)`", claims))


@pytest.mark.usefixtures("folder")
def test_the_loop_of_a_page_moves_the_encoder_by_finite_gradients() -> None:
    with torch.random.fork_rng():
        named = runpy.run_path("my_encoder.py")
    (weight,) = (parameter for name, parameter in named["encoder"].named_parameters() if name == "0.weight")
    assert weight.grad.isfinite().all()
    assert weight.grad.norm() > 0
