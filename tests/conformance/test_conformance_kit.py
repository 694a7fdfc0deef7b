"""No check of the kit is vacuous: each is failed by a toy that breaks this property and keeps all others."""

import subprocess
import sys
from pathlib import Path

import conformance_toys as toys
import pytest
import torch
from conformance_toys import KNOWING, LEARNER, PLAIN, SHUFFLER, spec

from mibench import gaussians
from mibench.specs import EstimatorSpec
from mibench.testing import (
    PROPERTIES,
    NonconformingError,
    NotApplicable,
    Property,
    Verdict,
    check_estimator,
    tensors,
)
from mibench.testing.subject import Subject

BROKEN: list[tuple[str, EstimatorSpec, str]] = [
    ("spec", spec(toys.Plain, summary=" "), "expected a summary"),
    ("spec", spec(toys.Plain, reference=""), "expected a reference"),
    ("spec", spec(toys.Plain, name="two words"), "a name of letters"),
    ("parameters", spec(toys.MutablePlain), "`Params` to be frozen"),
    ("parameters", spec(toys.PositionalPlain), "'ridge' of `Params` to be keyword-only"),
    ("parameters", spec(toys.UnspeakablePlain), "which a selector can spell"),
    ("parameters", spec(toys.CommaPlain), "cannot read 'b'"),
    ("construction", spec(toys.RaisesForOneDimension), "no matrix in one dimension"),
    ("construction", spec(toys.DeclinesEverything), "fits some problem of the kit"),
    ("capabilities", spec(toys.Plain, estimates=toys.VALUE), "`surrogate` to raise NotImplementedError"),
    ("capabilities", spec(toys.Plain, estimates=toys.GRADIENT), "`mi` to raise NotImplementedError"),
    ("capabilities", spec(toys.ValueOnly), "no gradient here"),
    ("needs", spec(toys.Plain, {"training"}), "updates to change what is said"),
    ("needs", spec(toys.LearnsUndeclared, needs=frozenset()), "updates to change nothing"),
    ("needs", spec(toys.Plain, {"conditional"}), "p(y|x) to be read"),
    ("shapes", spec(toys.KeepsAnAxis), "to be (*replicas,)"),
    ("replicas", spec(toys.MixesReplicas), "the numbers that it has alone"),
    ("dtype", spec(toys.SinglePrecision), "mi in the problem's torch.float64; got torch.float32"),
    ("finite", spec(toys.NanInSinglePrecision), "a value that is not finite"),
    ("tiny-batch", spec(toys.NanForTwo), "a batch of 2 samples to give finite numbers"),
    ("tiny-batch", spec(toys.SilentForTwo), "one without a message"),
    ("inputs", spec(toys.WritesToX), "`update` to leave x as it is"),
    ("inputs", spec(toys.TrainsTheEncoder), "no gradient to x, y, the encoder"),
    ("determinism", spec(toys.Undetermined), "to the last bit, in torch.float32"),
    ("global-state", spec(toys.DrawsGlobally), "torch's global generator to stay as it is"),
    ("global-state", spec(toys.SeedsNumpy), "numpy's global generator to stay as it is"),
    ("global-state", spec(toys.SeedsPython), "python's global generator not to be seeded"),
    ("evaluation-trace", spec(toys.RemembersTheFirstBatch), "not to depend on what it evaluated before"),
    ("surrogate-leak", spec(toys.Leaks), "compute it from weight.detach(); got a gradient left in weight.grad"),
    ("surrogate-leak", spec(toys.LeaksAndClears), "a gradient left in weight.grad"),
    ("capabilities", spec(toys.AnswersNothing), "to give a tensor of shape (); got None: is there a `return`?"),
    ("capabilities", spec(toys.AnswersAFloat), "to give a tensor of shape (); got a float: keep it a tensor"),
    ("capabilities", spec(toys.ForgetsTheGraph), "a tensor without one: was it computed under torch.no_grad"),
    ("capabilities", spec(toys.InSinglePrecision), "make weights in `problem.dtype`, as `problem.draw` does"),
    ("resume", spec(toys.SchedulesByAnIterator), "keep what training changes in attributes"),
    ("differentiable", spec(toys.ForgetsX), "to reach x, where x and y require one"),
    ("differentiable", spec(toys.NoGraph, {"conditional"}), "parameters of the given p(y|x)"),
    ("permutation", spec(toys.PairsNeighbours), "do not pair by position"),
    ("permutation", spec(toys.ShufflesNeighbours), "draw negatives whatever the order"),
    ("symmetry", spec(toys.ReadsXAlone, symmetric=True), "as the spec declares the estimator symmetric; got a value"),
    ("symmetry", spec(toys.LearnsXAlone, symmetric=True), "in the mean; got a value"),
    ("bound", spec(toys.TooHigh, bound="lower"), "at most I(X;Y) = 0.446 nats"),
    ("bound", spec(toys.TooLow, bound="upper"), "at least I(X;Y) = 0.446 nats"),
    ("direction", spec(toys.Descends), "a dI/drho times the sign of rho that is positive"),
    ("direction", spec(toys.TenTimes), "within a factor of 3"),
    ("direction", spec(toys.LearnerDescends), "a dI/drho times the sign of rho that is positive"),
]
ALSO = {
    "Undetermined": {"resume"},
    "NoGraph": {"direction"},
    "two words": {"parameters"},
    "LearnsUndeclared": {"direction"},
}
"""What a toy cannot but fail as well."""


def failures(verdicts: list[Verdict]) -> dict[str, str]:
    return {verdict.name: verdict.message for verdict in verdicts if verdict.status == "failed"}


@pytest.mark.parametrize(
    "conforming", [PLAIN, LEARNER, SHUFFLER, KNOWING, spec(toys.KeepsGradients)], ids=lambda it: it.name
)
def test_an_estimator_that_keeps_the_contract_fails_nothing(conforming: EstimatorSpec) -> None:
    assert failures(check_estimator(conforming)) == {}


@pytest.mark.parametrize(("name", "broken", "message"), BROKEN, ids=[f"{name}-{it.name}" for name, it, _ in BROKEN])
def test_a_broken_toy_fails_the_property_that_it_breaks_and_no_other(
    name: str, broken: EstimatorSpec, message: str
) -> None:
    failed = failures(check_estimator(broken))
    assert set(failed) == {name} | ALSO.get(broken.name, set[str]())
    assert message in failed[name]


def test_an_answer_on_the_wrong_device_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the meta device, which every machine has: tensors without numbers."""
    monkeypatch.setattr(tensors, "second_device", lambda: torch.device("meta"))
    right, wrong = (
        check_estimator(spec(kind, estimates=toys.VALUE), properties=[tensors.DEVICE])[0]
        for kind in (toys.MeanOfX, toys.AnswersOnTheCpu)
    )
    assert (right.status, wrong.status) == ("passed", "failed")
    assert "`mi` on the problem's meta; got cpu" in wrong.message


def test_what_stumbles_over_replica_axes_is_told_so_wherever_it_does() -> None:
    verdicts = [v for v in check_estimator(spec(toys.WithoutReplicaAxes)) if v.status == "failed"]
    assert len(verdicts) > 5
    assert len({verdict.cause for verdict in verdicts}) == 1
    assert all("it works without replica axes" in verdict.hint for verdict in verdicts)
    assert verdicts[0].expected == "`update` of x (3, 16, 3) and y (3, 16, 2), torch.float64, to take a step"


def test_an_exception_says_where_in_the_authors_file_it_was_raised() -> None:
    (line,) = [i for i, text in enumerate(Path(toys.__file__).read_text().splitlines(), 1) if '"ij->ij"' in text]
    (shapes,) = [v for v in check_estimator(spec(toys.WithoutReplicaAxes)) if v.name == "shapes"]
    assert shapes.got.endswith(f"(conformance_toys.py:{line})")


def test_an_exception_that_replica_axes_do_not_explain_gets_no_hint() -> None:
    (verdict,) = [v for v in check_estimator(spec(toys.RaisesForOneDimension)) if v.status == "failed"]
    assert verdict.hint == ""
    assert verdict.expected == (
        "RaisesForOneDimension(params, problem) to be made for dx=1, dy=1, replicas (), torch.float64"
    )


def test_drawing_from_pythons_generator_is_found() -> None:
    failed = failures(check_estimator(spec(toys.DrawsFromPython)))
    assert "do not depend on python's global generator" in failed["global-state"]
    assert {"determinism", "global-state"} <= set(failed)


def test_training_inside_an_evaluation_is_found() -> None:
    assert "train in `update` alone" in failures(check_estimator(spec(toys.TrainsWhenAsked)))["evaluation-trace"]


def test_every_property_has_a_toy_that_breaks_it() -> None:
    assert {one.name for one in PROPERTIES} == {name for name, _, _ in BROKEN} | {"device"}


def test_an_estimator_that_cannot_be_run_fails_once_and_says_so_everywhere() -> None:
    verdicts = check_estimator(spec(toys.Plain, target="nowhere:Nothing"))
    assert set(failures(verdicts)) == {"spec", "parameters", "construction", "capabilities"}
    assert all("cannot import 'nowhere:Nothing'" in verdict.message for verdict in verdicts)


def test_a_failure_keeps_the_traceback_and_says_where_the_contract_is() -> None:
    (capabilities,) = [v for v in check_estimator(spec(toys.ValueOnly)) if v.name == "capabilities"]
    assert "in surrogate" in capabilities.traceback
    assert capabilities.message.endswith("see mibench.specs.EstimatorSpec, `estimates`")


def test_an_unknown_parameter_is_named() -> None:
    verdicts = check_estimator(PLAIN, {"rigde": 1.0})
    assert "did you mean ridge?" in failures(verdicts)["construction"]


def test_a_baseline_estimates_nothing_and_is_not_judged() -> None:
    verdicts = check_estimator(spec(toys.DeclinesEverything, estimates=frozenset(), baseline_of="images"))
    assert {(verdict.status, verdict.message) for verdict in verdicts} == {
        ("not applicable", "a baseline of images estimates nothing")
    }


def test_an_authors_own_property_comes_to_a_verdict() -> None:
    def check(subject: Subject) -> NotApplicable | None:
        if "gradient" not in subject.spec.estimates:
            return NotApplicable("estimates no gradient")
        raise NonconformingError("a toy that is blue", "a red one")

    blue = Property(name="blue", claim="it is blue", see="the rainbow", check=check)
    (rests,) = check_estimator(spec(toys.ValueOnly, estimates=toys.VALUE), properties=[blue])
    (fails,) = check_estimator(PLAIN, properties=[blue])
    assert (rests.status, rests.message) == ("not applicable", "estimates no gradient")
    assert (fails.expected, fails.got, fails.see) == ("a toy that is blue", "a red one", "the rainbow")
    assert fails.message == "expected a toy that is blue; got a red one; see the rainbow"
    assert fails.traceback == ""


def test_chosen_properties_come_in_the_order_they_were_asked_for() -> None:
    chosen = [PROPERTIES[5], PROPERTIES[0]]
    assert [verdict.name for verdict in check_estimator(PLAIN, properties=chosen)] == [one.name for one in chosen]


def test_the_kit_needs_neither_pytest_nor_a_plugin() -> None:
    code = "import sys, mibench.testing; print([m for m in sys.modules if m == 'pytest' or m.startswith('mibench_')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_coordinates_of_y_without_a_partner_are_noise() -> None:
    rho = torch.tensor(0.6)
    x, noise = torch.ones(4, 2), torch.full((4, 3), 5.0)
    torch.testing.assert_close(gaussians.correlate(rho, x, noise)[0], torch.tensor([4.6, 4.6, 5.0]))
    assert gaussians.conditional(rho, x, 3).variance[0].tolist() == pytest.approx([0.64, 0.64, 1.0])
