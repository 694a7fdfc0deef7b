"""No check of the kit is vacuous: each is failed by a toy that breaks this property and keeps all others."""

import os
import re
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import conformance_toys as toys
import numpy as np
import pytest
import torch
from conformance_toys import KNOWING, LEARNER, PLAIN, SHUFFLER, spec

from mibench import gaussians
from mibench.discovery.global_state import ENVIRONMENT, global_states
from mibench.errors import UsageError
from mibench.specs import EstimatorSpec
from mibench.testing import (
    PROPERTIES,
    NotApplicable,
    Property,
    Verdict,
    check_estimator,
    claim,
    declarations,
    expect,
    lookup,
    process,
    tensors,
    truth,
)
from mibench.testing.subject import Subject

BROKEN: list[tuple[str, EstimatorSpec, str]] = [
    ("spec", spec(toys.Plain, summary=" "), "expected a summary"),
    ("spec", spec(toys.Plain, reference=""), "expected a reference"),
    ("spec", spec(toys.Plain, name="two words"), "a name of letters"),
    ("parameters", spec(toys.MutablePlain), "`Params` to be frozen"),
    ("parameters", spec(toys.PositionalPlain), "'ridge' of `Params` to be keyword-only"),
    ("parameters", spec(toys.UnspeakablePlain), "which a selector can spell"),
    ("parameters", spec(toys.CommaPlain), "got 'a,b', which 'estimator[path=a,b]' gives as nothing"),
    (
        "parameters",
        spec(toys.SilentPlain),
        "the default of field 'name' of `Params` to be one that a selector can spell",
    ),
    ("parameters", spec(toys.EndlessPlain), "'cap' of `Params` to be finite: keys and records hold finite"),
    ("parameters", spec(toys.UndefinedPlain), "got nan; take a large number, or `float | None = None`"),
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
    ("replicas", spec(toys.ChoosesForAll), "beside others of other kinds"),
    ("replicas", spec(toys.ChoosesForAllOfAKind), "beside others of other kinds"),
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
    ("capabilities", spec(toys.AnswersWholeNumbers), "to give real floating point numbers; got torch.int64"),
    ("capabilities", spec(toys.Exits), "got SystemExit: 0 (conformance_toys.py:"),
    (
        "capabilities",
        spec(toys.Mute),
        "got MuteError: (its message cannot be read: KeyboardInterrupt) (conformance_toy",
    ),
    ("construction", spec(toys.DeclinesWithoutAWord), "UnfitError: (its message cannot be read: KeyboardInterrupt)"),
    ("capabilities", spec(toys.EndsTheProcess), "got SystemExit: os._exit(0) was called (conformance_toys.py:"),
    ("capabilities", spec(toys.ForgetsTheGraph), "a tensor without one: was it computed under torch.no_grad"),
    ("capabilities", spec(toys.InSinglePrecision), "make weights in `problem.dtype`, as `problem.draw` does"),
    ("resume", spec(toys.SchedulesByAnIterator), "keep what training changes in attributes"),
    ("differentiable", spec(toys.ForgetsX), "to reach x, where x and y require one"),
    ("differentiable", spec(toys.NoGraph, {"conditional"}), "parameters of the given p(y|x)"),
    ("surrogate-in-nats", spec(toys.DeclaresHeldScores), "to rise along its gradient as the gradient says"),
    ("permutation", spec(toys.PairsNeighbours), "do not pair by position"),
    ("permutation", spec(toys.ShufflesNeighbours), "draw whatever the order"),
    ("symmetry", spec(toys.ReadsXAlone, symmetric=True), "as the spec declares the estimator symmetric; got a value"),
    ("symmetry", spec(toys.LearnsXAlone, symmetric=True), "in the mean; got a value"),
    ("value", spec(toys.Constant), "expected values that grow with I(X;Y): 0, 0.0943, 0.446, 1.28 nats"),
    ("value", spec(toys.WrongSign), "look at the sign"),
    ("value", spec(toys.InBits), "off by 1.47: bits?"),
    ("value", spec(toys.LacksLogN, bound="lower"), "nats below 0 at independence: is log n left out?"),
    ("value", spec(toys.FarOff), "expected about 0 nats where x and y are independent; got 5"),
    ("bound", spec(toys.TooHigh, bound="lower"), "at most I(X;Y) = 0.446 nats"),
    ("bound", spec(toys.TooLow, bound="upper"), "at least I(X;Y) = 0.446 nats"),
    ("direction", spec(toys.Descends), "a dI/drho times the sign of rho that is positive"),
    ("direction", spec(toys.DescendsInX), "a cosine with the exact gradient in x that is positive"),
    ("direction", spec(toys.TenTimes), "10.2 times the truth"),
    ("direction", spec(toys.GradientInBits), "off by 1.47: bits?"),
    ("direction", spec(toys.LearnerDescends), "a dI/drho times the sign of rho that is positive"),
]


def failures(verdicts: list[Verdict]) -> dict[str, str]:
    return {verdict.name: verdict.message for verdict in verdicts if verdict.status == "failed"}


@pytest.mark.parametrize(
    "conforming",
    [
        PLAIN,
        LEARNER,
        SHUFFLER,
        KNOWING,
        spec(toys.KeepsGradients),
        spec(toys.Shrunken),
        spec(toys.NeedsMany, symmetric=True),
        spec(toys.NeedsManyOfOneDimension),
    ],
    ids=lambda it: it.name,
)
def test_an_estimator_that_keeps_the_contract_fails_nothing(conforming: EstimatorSpec) -> None:
    assert failures(check_estimator(conforming)) == {}


@pytest.mark.parametrize(("name", "broken", "message"), BROKEN, ids=[f"{name}-{it.name}" for name, it, _ in BROKEN])
def test_a_broken_toy_fails_the_property_that_it_breaks_and_no_other(
    name: str, broken: EstimatorSpec, message: str
) -> None:
    failed = failures(check_estimator(broken))
    assert set(failed) == {name}
    assert message in failed[name]


def test_an_answer_on_the_wrong_device_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the meta device, which every machine has: tensors without numbers."""
    monkeypatch.setattr(tensors, "second_device", lambda: torch.device("meta"))
    right, wrong = (
        check_estimator(spec(kind, estimates=toys.VALUE), properties=[tensors.device])[0]
        for kind in (toys.MeanOfX, toys.AnswersOnTheCpu)
    )
    assert (right.status, wrong.status) == ("passed", "failed")
    assert "`mi` on the problem's meta; got cpu" in wrong.message


def test_what_stumbles_over_replica_axes_is_told_so_once() -> None:
    verdicts = check_estimator(spec(toys.WithoutReplicaAxes))
    (shapes,) = [verdict for verdict in verdicts if verdict.status == "failed"]
    assert "it works without replica axes" in shapes.hint
    assert shapes.expected == "`update` of x (3, 16, 3) and y (3, 16, 2), torch.float64, to take a step"
    assert sum(verdict.message == "not judged while 'shapes' fails" for verdict in verdicts) > 5


def test_one_property_by_itself_defers_to_what_must_hold_first() -> None:
    """As pytest asks, a test a property: one mistake is one test that fails."""
    (alone,) = check_estimator(spec(toys.WithoutReplicaAxes), properties=[truth.direction])
    assert (alone.status, alone.message) == ("not applicable", "not judged while 'shapes' fails")


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


@pytest.mark.parametrize(
    ("toy", "generator", "line"),
    [
        (toys.DrawsGlobally, "torch", "torch.rand(())"),
        (toys.DrawsFromNumpy, "numpy", "np.random.rand()"),
        (toys.SeedsNumpy, "numpy", "np.random.seed(0)"),
        (toys.DrawsFromPython, "python", "random.random()"),
    ],
)
def test_who_draws_from_a_global_generator_is_named(toy: type, generator: str, line: str) -> None:
    source = Path(toys.__file__).read_text().splitlines()
    failed = failures(check_estimator(spec(toy)))
    assert set(failed) == {"global-state"}
    assert f"{generator}'s global generator" in failed["global-state"]
    (number,) = re.findall(r"\(conformance_toys\.py:(\d+)\)", failed["global-state"])
    assert line in source[int(number) - 1]


def test_a_mode_that_an_earlier_property_changed_is_found_and_put_back() -> None:
    failed = failures(check_estimator(spec(toys.SetsDefaultDtype)))
    assert failed == {"global-state": failed["global-state"]}
    assert "`mi` to leave torch's default dtype as it was, float32; got float64" in failed["global-state"]
    assert torch.get_default_dtype() == torch.float32


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: torch.set_grad_enabled(False), "torch's grad mode as it was, True; got False"),
        (lambda: torch.use_deterministic_algorithms(True), "torch's deterministic mode as it was; got another"),
        (lambda: torch.set_float32_matmul_precision("high"), "torch's matmul precision as it was, highest; got high"),
        (lambda: torch.set_flush_denormal(True), "torch's denormal numbers as it was, False; got True"),
        (lambda: np.seterr(divide="ignore"), "numpy's treatment of errors as it was; got another divide"),
        (lambda: os.environ.update(TOY="1"), "the environment as it was; got another TOY"),
        (lambda: os.chdir("/"), "the working directory as it was, "),
        (lambda: warnings.simplefilter("ignore"), "warnings filters as it was; got another"),
    ],
)
def test_what_a_call_leaves_changed_in_the_process_is_found_though_a_later_call_puts_it_back(
    act: Callable[[], Any], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(toys.ActsAndUndoes, "act", staticmethod(act))
    before = {name: state.read() for name, state in (global_states() | ENVIRONMENT).items()}
    failed = failures(check_estimator(spec(toys.ActsAndUndoes)))
    assert set(failed) == {"global-state"}
    assert f"`mi` to leave {message}" in failed["global-state"]
    assert {name: state.read() for name, state in (global_states() | ENVIRONMENT).items()} == before


def test_what_a_library_sets_as_it_is_loaded_is_not_its_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "toy_library.py").write_text(
        "import os, warnings\nos.environ['TOY'] = '1'\nwarnings.simplefilter('ignore', ImportWarning)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    (verdict,) = check_estimator(spec(toys.LoadsALibrary), properties=[process.global_state])
    assert (verdict.status, "toy_library" in sys.modules) == ("passed", True)
    del sys.modules["toy_library"]


@pytest.mark.parametrize(("folder", "status"), [("site-packages", "passed"), ("src", "failed")])
def test_a_variable_of_the_environment_is_an_installed_librarys_whenever_it_sets_it(
    folder: str, status: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / folder).mkdir()
    (tmp_path / folder / "toy_library.py").write_text(
        "import os\n\ndef set_variables():\n    os.environ.setdefault('TOY', '1')\n"
    )
    monkeypatch.syspath_prepend(tmp_path / folder)
    verdicts = check_estimator(
        spec(toys.HasTheLibrarySetVariables), properties=[declarations.capabilities, process.global_state]
    )
    del sys.modules["toy_library"]
    assert [verdict.status for verdict in verdicts] == ["passed", status]
    assert "TOY" not in os.environ


def test_what_works_for_one_batch_size_is_one_failure() -> None:
    failed = failures(check_estimator(spec(toys.KnowsOneBatchSize)))
    assert set(failed) == {"capabilities"}
    assert "`mi` of x (33, 3) and y (33, 2)" in failed["capabilities"]


def test_an_estimator_that_needs_many_samples_is_judged_on_as_many() -> None:
    """None of what judges others passes it over."""
    few, many = (
        [(verdict.name, verdict.status) for verdict in check_estimator(spec(kind, symmetric=True))]
        for kind in (toys.Plain, toys.NeedsMany)
    )
    assert many == few


@pytest.mark.parametrize("toy", [toys.NeedsTooMany, toys.NeedsManyInOtherWords])
def test_an_estimator_that_gets_no_batch_that_is_large_enough_is_told_how_to_ask(toy: type[toys.NeedsMany]) -> None:
    failed = failures(check_estimator(spec(toy)))
    assert set(failed) == {"capabilities"}
    assert toy.words.format(toy.fewest) in failed["capabilities"]
    assert "to a message that says `at least 20` the kit gives as many samples, up to 1024" in failed["capabilities"]


def test_training_inside_an_evaluation_is_found() -> None:
    assert "train in `update` alone" in failures(check_estimator(spec(toys.TrainsWhenAsked)))["evaluation-trace"]


def test_every_property_has_a_toy_that_breaks_it() -> None:
    without = {declared.name for declared in PROPERTIES} - {name for name, _, _ in BROKEN} - {"device"}
    assert not without, f"add toys that break {without} to conformance_toys.py, and to BROKEN"


def test_an_estimator_that_cannot_be_run_fails_once() -> None:
    verdicts = check_estimator(spec(toys.Plain, target="nowhere:Nothing"))
    assert set(failures(verdicts)) == {"spec"}
    assert "cannot import 'nowhere:Nothing'" in verdicts[0].message
    assert {verdict.message for verdict in verdicts[1:]} == {"not judged while 'spec' fails"}


def test_a_failure_keeps_the_traceback_and_says_where_the_contract_is() -> None:
    (capabilities,) = [v for v in check_estimator(spec(toys.ValueOnly)) if v.name == "capabilities"]
    assert "in surrogate" in capabilities.traceback
    assert capabilities.message.endswith("see mibench.specs.EstimatorSpec, `estimates`")


def test_a_number_of_steps_that_cannot_be_is_refused() -> None:
    for steps in (-1, 1.5, True):
        with pytest.raises(UsageError, match=r"^`steps` is a whole number from 0 on, not "):
            check_estimator(PLAIN, steps=steps)  # pyright: ignore[reportArgumentType]


def test_an_unknown_parameter_is_named() -> None:
    verdicts = check_estimator(PLAIN, {"rigde": 1.0})
    assert "did you mean ridge?" in failures(verdicts)["parameters"]


def test_a_baseline_estimates_nothing_and_is_not_judged() -> None:
    verdicts = check_estimator(spec(toys.DeclinesEverything, estimates=frozenset(), baseline_of="images"))
    assert {(verdict.status, verdict.message) for verdict in verdicts} == {
        ("not applicable", "a baseline of images estimates nothing")
    }


def test_an_authors_own_property_comes_to_a_verdict() -> None:
    @claim("it is blue", see="the rainbow")
    def sky_blue(subject: Subject) -> NotApplicable | None:
        if "gradient" not in subject.spec.estimates:
            return NotApplicable("estimates no gradient")
        expect(subject.spec.name == "Blue", "a toy that is blue", "a red one")
        return None

    assert isinstance(sky_blue, Property)
    assert sky_blue.name == "sky-blue"
    (rests,) = check_estimator(spec(toys.ValueOnly, estimates=toys.VALUE), properties=[sky_blue])
    (fails,) = check_estimator(PLAIN, properties=[sky_blue])
    assert (rests.status, rests.message) == ("not applicable", "estimates no gradient")
    assert (fails.expected, fails.got, fails.see) == ("a toy that is blue", "a red one", "the rainbow")
    assert fails.message == "expected a toy that is blue; got a red one; see the rainbow"
    assert fails.traceback == ""


def test_a_class_and_a_selector_are_checked_as_their_specs_are() -> None:
    learner = lookup.declare(toys.Learner)
    assert (learner.estimates, learner.needs) == (toys.VALUE | toys.GRADIENT, toys.TRAINING)
    assert lookup.declare(toys.MeanOfX).estimates == toys.VALUE | toys.GRADIENT
    assert failures(check_estimator(toys.Constant, properties=[truth.value]))
    (shapes,) = check_estimator("mige[threshold=0.9]", properties=[tensors.shapes])
    assert shapes.status == "passed"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("no-such", "there is no estimator 'no-such'"),
        ("mige[threshold=0.9|0.99]", "stands for 2 estimators"),
        ("mige[thresold=0.9]", "did you mean threshold"),
        (Path, "a subclass of mibench.Estimator or a name is needed, not <class"),
        (None, "or a name is needed, not None"),
    ],
    ids=str,
)
def test_what_is_no_estimator_is_refused_in_one_line(wrong: Any, message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)) as refusal:
        check_estimator(wrong)
    assert "\n" not in str(refusal.value)


def test_chosen_properties_come_in_the_order_they_were_asked_for() -> None:
    chosen = [PROPERTIES[5], PROPERTIES[0]]
    names = [declared.name for declared in chosen]
    assert [verdict.name for verdict in check_estimator(PLAIN, properties=chosen)] == names


def test_the_kit_needs_neither_pytest_nor_a_plugin() -> None:
    code = "import sys, mibench.testing; print([m for m in sys.modules if m == 'pytest' or m.startswith('mibench_')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_coordinates_of_y_without_a_partner_are_noise() -> None:
    rho = torch.tensor(0.6)
    x, noise = torch.ones(4, 2), torch.full((4, 3), 5.0)
    torch.testing.assert_close(gaussians.correlate(rho, x, noise)[0], torch.tensor([4.6, 4.6, 5.0]))
    assert gaussians.conditional(rho, x, 3).variance[0].tolist() == pytest.approx([0.64, 0.64, 1.0])
