"""Properties of what an author declares: the spec, the parameters, and that both tell the truth."""

import dataclasses
import math
import re
from contextlib import suppress
from typing import Any, get_type_hints

from mibench.errors import UnfitError, UsageError
from mibench.parameters import SPELLABLE, is_spellable
from mibench.plan.selectors import combinations, parse_selector, spell, spell_value
from mibench.testing.kit import claim, expect
from mibench.testing.scenario import Scenario
from mibench.testing.subject import Instance, Subject
from mibench.text import message_of

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_SOME_NAME = "estimator"
"""In selectors that the kit reads, whose subject may have a name that none can hold."""
_BATCHES = (Scenario(), Scenario(n=33), Scenario(dx=2, dy=2, n=64))
_PROBLEMS = (Scenario(), Scenario(seeds=(0, 1, 2)), Scenario(dx=1, dy=1))


@claim("the spec is complete and its target is an Estimator", see="mibench.specs.EstimatorSpec", gate=True)
def spec(subject: Subject) -> None:
    """The spec is complete and names an `Estimator`."""
    spec = subject.spec
    expect(bool(_NAME.fullmatch(spec.name)), "a name of letters, digits, '-' and '_'", repr(spec.name))
    expect(bool(spec.summary.strip()), "a summary, one line that `mibench list` shows", "an empty one")
    expect(bool(spec.reference.strip()), "a reference, the paper it comes from", "an empty one")
    expect(
        spec.bound is None or "value" in spec.estimates,
        "a bound to be declared of a value",
        f"bound={spec.bound!r} of an estimator that estimates no value",
    )
    expect(
        subject.loads,
        f"{spec.target} to be a subclass of mibench.Estimator",
        repr(subject.kind),
    )


@claim(
    "Params is a frozen, keyword-only, all-defaulted dataclass that a selector can spell",
    see="mibench.contracts.Estimator",
)
def parameters(subject: Subject) -> None:
    """`Params` is a frozen, keyword-only, all-defaulted dataclass that a selector can spell."""
    expect_declared(getattr(subject.kind, "Params", None))
    default = subject.kind.Params()
    for field in dataclasses.fields(default):
        _expect_round_trip(default, field.name)
    spelled = spell(_SOME_NAME, subject.params)
    read = combinations(subject.kind.Params, parse_selector(spelled).sweep, _SOME_NAME)
    expect(read == [subject.params], f"{spelled!r} to be read as {subject.params}", str(read))


def expect_declared(params: Any) -> None:
    """Refuses what is no frozen, keyword-only, all-defaulted dataclass of fields that a selector can spell.

    Raises:
        ContractError: it is not.
    """
    expect(isinstance(params, type), "a class attribute `Params`, a dataclass", repr(params))
    expect(dataclasses.is_dataclass(params), "`Params` to be a dataclass", repr(params))
    kinds = get_type_hints(params)
    for field in dataclasses.fields(params):
        _expect_field(field, kinds[field.name])
    frozen: bool = params.__dataclass_params__.frozen
    expect(frozen, "`Params` to be frozen: a trial is recorded under its parameters", "a mutable dataclass")


def _expect_field(field: "dataclasses.Field[Any]", kind: Any) -> None:
    expect(field.kw_only is True, f"field {field.name!r} of `Params` to be keyword-only", "a positional field")
    expect(
        field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING,
        f"field {field.name!r} of `Params` to have a default",
        "none",
    )
    expect(
        is_spellable(kind),
        f"field {field.name!r} of `Params` to be a {SPELLABLE}, which a selector can spell",
        str(kind),
    )


def _expect_round_trip(default: Any, field: str) -> None:
    """Says the default aloud, and reads it back."""
    value = getattr(default, field)
    expect(
        not isinstance(value, float) or math.isfinite(value),
        f"the default of field {field!r} of `Params` to be finite: keys and records hold finite numbers alone",
        f"{value}; take a large number, or `float | None = None` for what is not set",
    )
    text = f"{_SOME_NAME}[{field}={spell_value(value)}]"
    read: Any = "nothing that can be read"
    with suppress(UsageError):
        read = combinations(type(default), parse_selector(text).sweep, _SOME_NAME)
    expect(
        read == [default],
        f"the default of field {field!r} of `Params` to be one that a selector can spell: no empty text, none with one "
        "of []|, and none with blanks at an end",
        f"{value!r}, which {text!r} gives as {read}; choose another default",
    )


@claim("it is made from its parameters and a problem alone", see="mibench.contracts.Problem", after=(parameters,))
def construction(subject: Subject) -> None:
    """It is made from its parameters and a problem alone."""
    refusals = [refusal for refusal in (_refusal(subject, scenario) for scenario in _PROBLEMS) if refusal]
    expect(
        len(refusals) < len(_PROBLEMS),
        'an estimator that fits some problem of the kit (declare needs={"conditional"} if p(y|x) is what it lacks)',
        f"UnfitError: {'; '.join(dict.fromkeys(refusals))}",
    )


def _refusal(subject: Subject, scenario: Scenario) -> str:
    try:
        subject.make(scenario)
    except UnfitError as error:
        return message_of(error)
    return ""


@claim(
    "what the spec declares works and what it does not declare raises NotImplementedError",
    see="mibench.specs.EstimatorSpec, `estimates`",
    after=(construction,),
)
def capabilities(subject: Subject) -> None:
    """What is declared works; what is not declared raises `NotImplementedError`."""
    for scenario in _BATCHES:
        with suppress(UnfitError):
            subject.make(scenario).train(1).evaluate(*scenario.batch(1))
    instance = subject.make(Scenario())
    instance.evaluate(*instance.scenario.batch())
    for quantity, name in (("value", "mi"), ("gradient", "surrogate")):
        if quantity not in subject.spec.estimates:
            _expect_refusal(instance, quantity, name)


def _expect_refusal(instance: Instance, quantity: str, name: str) -> None:
    try:
        getattr(instance.estimator, name)(*instance.scenario.batch())
    except NotImplementedError:
        return
    expect(
        False,
        f"`{name}` to raise NotImplementedError, as the spec does not declare that it estimates a {quantity}",
        "an answer: declare it, or leave the method out",
    )
