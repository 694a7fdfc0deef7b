"""The doctor finds what is wrong, and does not complain of what nothing needs."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from torch import Tensor

from mibench import DatasetSpec, EstimatorSpec, ReferenceSpec, gaussians
from mibench.cli import main
from mibench.contracts import Estimator
from mibench.datasets import DataFolder
from mibench.discovery import Plugin
from mibench.discovery.registry import Registry
from mibench.errors import DataError
from mibench.specs import Spec
from mibench.testing import doctor, selftest

GRADIENT = frozenset({"gradient"})


class Backwards(Estimator):
    """The plug-in estimate of a Gaussian with the wrong sign."""

    @dataclass(frozen=True, kw_only=True)
    class Params:
        """None."""

    def surrogate(self, x: Tensor, y: Tensor) -> Tensor:
        z = torch.cat([x, y], -1)
        return torch.logdet(z.mT @ z) / 2


def damaged(root: Path | None, download: bool) -> None:
    raise DataError(f"the files in {root} are damaged")


def forgetful(root: Path | None, download: bool) -> None:
    """Returns nothing."""


def boxed(root: Path | None, download: bool) -> dict[str, int]:
    return {"train": 1}


def broken(root: Path | None, download: bool) -> None:
    raise OSError("disk on fire")


def quitting(root: Path | None, download: bool) -> None:
    sys.exit(0)


BACKWARDS = EstimatorSpec(name="backwards", target=f"{__name__}:Backwards", estimates=GRADIENT)


def brought(*specs: Spec, error: str = "") -> Registry:
    return Registry([Plugin("ours", "here", specs=list(specs), error=error)])


def wrong(findings: Iterator[doctor.Finding] | Sequence[doctor.Finding]) -> dict[str, str]:
    return {finding.name: finding.detail for finding in findings if finding.status == "wrong"}


def test_what_is_installed_here_is_well() -> None:
    assert wrong([*doctor.installed(), *doctor.devices()]) == {}


def test_a_package_that_is_needed_and_missing_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> str:
        raise doctor.PackageNotFoundError(name)

    monkeypatch.setattr(doctor, "version", absent)
    problems = wrong(doctor.installed())
    assert "torch" in problems
    assert "matplotlib" not in problems


@pytest.mark.parametrize(
    ("registry", "name", "detail"),
    [
        (brought(error="SyntaxError: no"), "ours", "SyntaxError: no"),
        (brought(replace(BACKWARDS, target="nowhere:Nothing")), "backwards", "cannot import 'nowhere:Nothing'"),
        (brought(replace(BACKWARDS, target="json:dumps")), "backwards", "needs a dataclass named Params"),
        (
            brought(ReferenceSpec(name="r", file="mibench:none.csv")),
            "references",
            "mibench:none.csv: it cannot be read",
        ),
    ],
)
def test_plugins_that_cannot_be_used_are_wrong(registry: Registry, name: str, detail: str) -> None:
    assert detail in wrong(doctor.plugin_health(registry))[name]


def test_data_that_is_damaged_is_wrong_and_data_that_is_absent_is_not(tmp_path: Path) -> None:
    specs = (
        DatasetSpec(name="damaged", target=f"{__name__}:damaged"),
        DatasetSpec(name="mnist", target="mibench_images.mnist:load_mnist"),
    )
    findings = list(doctor.data_sets(brought(*specs), DataFolder(root=tmp_path, specs=specs)))
    assert wrong(findings) == {"damaged": f"the files in {tmp_path} are damaged"}
    assert [finding.status for finding in findings] == ["wrong", "absent"]


class MuteError(DataError):
    def __str__(self) -> str:
        raise ValueError("no message")


def test_an_error_whose_message_cannot_be_read_is_a_finding_too(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = DataFolder(specs=[DatasetSpec(name="damaged", target=damaged)])

    def mute(name: str) -> None:
        raise MuteError(name)

    monkeypatch.setattr(DataFolder, "load", lambda self, name: mute(name))
    findings = doctor.data_sets(brought(*folder.specs), folder)
    assert wrong(findings) == {"damaged": "(its message cannot be read: ValueError)"}


def test_what_is_no_data_set_is_wrong_and_the_rest_is_still_looked_at() -> None:
    specs = [DatasetSpec(name=one.__name__, target=one) for one in (forgetful, boxed, broken, quitting)]
    specs.append(DatasetSpec(name="digits", target="mibench_images.digits:load"))
    findings = list(doctor.data_sets(brought(*specs), DataFolder(specs=specs)))
    assert [finding.name for finding in findings if finding.status == "ok"] == ["digits"]
    assert wrong(findings) == {
        name: f"data set {name!r} of {__name__}:{name}: {detail}"
        for name, detail in {
            "forgetful": "it is to be a mibench.contracts.Dataset, not None: is there a `return`?; see docs/dataset.md",
            "boxed": "it is to be a mibench.contracts.Dataset, not a dict; see docs/dataset.md",
            "broken": "OSError: disk on fire",
            "quitting": "SystemExit: 0",
        }.items()
    }


def test_a_folder_of_data_sets_that_is_not_there_is_wrong(tmp_path: Path) -> None:
    (finding,) = doctor.data_sets(brought(), DataFolder(root=tmp_path / "none"))
    assert (finding.status, finding.detail) == ("wrong", f"there is no folder {tmp_path / 'none'}")


def test_an_estimator_against_the_closed_form_is_wrong() -> None:
    complaints = dict(selftest.self_test(brought(BACKWARDS)))
    assert complaints["exact critic on cpu"] == ""
    assert "a dI/drho times the sign of rho that is positive" in complaints["backwards"]


def test_an_estimator_that_cannot_be_run_is_wrong() -> None:
    valued = replace(BACKWARDS, estimates={"value"})
    assert "estimates no value" in dict(selftest.self_test(brought(valued)))["backwards"]


def test_the_self_test_begins_nothing_when_its_time_is_over() -> None:
    assert dict(selftest.self_test(brought(BACKWARDS), budget=0.0)) == {"exact critic on cpu": ""}


@pytest.mark.parametrize(
    ("function", "complaint"), [("mutual_information", "I by the log ratio is"), ("slope", "dI/drho is")]
)
def test_arithmetic_that_does_not_hold_is_found(function: str, complaint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    exact = getattr(gaussians, function)
    monkeypatch.setattr(gaussians, function, lambda rho, dx, dy: 1.1 * exact(rho, dx, dy))
    assert complaint in selftest.exact_critic(torch.device("cpu"))


@pytest.mark.parametrize(("status", "code"), [("ok", 0), ("absent", 0), ("wrong", 1)])
def test_the_exit_code_says_whether_something_is_wrong(
    status: doctor.Status, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "examine", lambda registry, folder: [doctor.Finding("part", "thing", status, "why")])
    done = CliRunner().invoke(main, ["doctor"])
    assert done.exit_code == code
    assert "thing" in done.stdout
    assert ("wrong: thing" in done.stdout) == (status == "wrong")
