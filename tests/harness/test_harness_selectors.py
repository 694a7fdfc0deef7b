"""The selector language: what is written is what is run, and what is misspelt is named."""

from dataclasses import dataclass
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mibench.errors import UsageError
from mibench.plan.selectors import Selector, combinations, field_values, parse_selector, parse_selectors, spell


@dataclass(frozen=True, kw_only=True)
class Everything:
    whole: int = 3
    number: float = 0.5
    flag: bool = False
    text: str = "word"
    choice: Literal["near", "far", 3] = "near"
    widths: tuple[int, ...] = (512, 512)
    rank: int | None = None
    label: str | None = "some"
    optional_widths: tuple[int, ...] | None = None


words = st.text("abcXYZ019_-./ =()", min_size=1).map(str.strip).filter(bool)
everything = st.builds(
    Everything,
    whole=st.integers(-(2**63) + 1, 2**63 - 1),
    number=st.floats(allow_nan=False, allow_infinity=False),
    flag=st.booleans(),
    text=words,
    choice=st.sampled_from(["near", "far", 3]),
    widths=st.lists(st.integers(-(2**63) + 1, 2**63 - 1), max_size=4).map(tuple),
    rank=st.none() | st.integers(-(2**63) + 1, 2**63 - 1),
    label=st.none() | words.filter(lambda word: word != "none"),
    optional_widths=st.none() | st.lists(st.integers(-(2**63) + 1, 2**63 - 1), max_size=3).map(tuple),
)


@given(everything)
def test_spelling_reads_back_as_the_same_parameters(instance: Everything) -> None:
    selector = parse_selector(spell("mine", instance))
    assert selector.name == "mine"
    assert combinations(Everything, selector.sweep, "mine") == [instance]


@given(everything)
def test_values_read_back_as_themselves(instance: Everything) -> None:
    assert combinations(Everything, {name: [value] for name, value in vars(instance).items()}, "mine") == [instance]


@given(everything, everything)
def test_different_parameters_are_spelled_differently(first: Everything, second: Everything) -> None:
    assert (spell("mine", first) == spell("mine", second)) == (first == second)


@pytest.mark.parametrize("text", ["mine", "mine[hidden=32x32,rank=none|3]", "a:dim[judge=mige[threshold=0.9]]"])
def test_a_selector_is_written_as_it_is_read(text: str) -> None:
    assert str(parse_selector(text)) == text


def test_defaults_are_spelled_by_the_name_alone() -> None:
    assert spell("mine", Everything()) == "mine"


def test_minus_zero_is_zero() -> None:
    (instance,) = combinations(Everything, {"number": ["-0"]}, "mine")
    assert str(instance.number) == "0.0"


def test_commas_part_selectors_only_outside_of_brackets() -> None:
    assert parse_selectors(" mine[lr=1e-3|1e-4, width=8],mige ,plugin:x,") == [
        Selector("mine", {"lr": ["1e-3", "1e-4"], "width": ["8"]}),
        Selector("mige", {}),
        Selector("plugin:x", {}),
    ]
    assert parse_selectors(["a[b=1,c=2]", "d"]) == [Selector("a", {"b": ["1"], "c": ["2"]}), Selector("d", {})]


def test_a_value_may_be_a_selector_itself() -> None:
    assert parse_selectors("dim[judge=a[k=1|2,l=3]+b|c,noise=1],mige") == [
        Selector("dim", {"judge": ["a[k=1|2,l=3]+b", "c"], "noise": ["1"]}),
        Selector("mige", {}),
    ]


def test_selectors_may_be_given_in_one_text_in_several_or_in_both_ways() -> None:
    for asked in ("a[k=1|2],b,c", ["a[k=1|2]", "b", "c"], ["a[k=1|2],b", " c ,"]):
        assert parse_selectors(asked) == parse_selectors(["a[k=1|2]", "b", "c"])


def test_a_sweep_is_every_combination() -> None:
    selector = parse_selector("mine[whole=1|2,flag=true|false,rank=none]")
    instances = combinations(Everything, selector.sweep, "mine")
    assert {(instance.whole, instance.flag) for instance in instances} == {(1, True), (1, False), (2, True), (2, False)}
    assert len(instances) == 4


@pytest.mark.parametrize(
    "text", ["", "mine[", "mine]", "mine[a=1]b", "mine[[a=1]]", "a[b=c[d[e]]]", "mi ne", "mine[a]", "mine[a=]"]
)
def test_what_is_no_selector_is_shown_with_the_grammar(text: str) -> None:
    with pytest.raises(UsageError, match=r"cannot read .*; write .*field=value"):
        parse_selector(text)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("whole=1.5", "mine: whole is an integer, not '1.5'"),
        ("number=fast", "mine: number is a number, not 'fast'"),
        ("number=nan", "mine: number is a number, not 'nan': records hold finite numbers alone"),
        ("number=inf", "mine: number is a number, not 'inf': records hold finite numbers alone"),
        ("flag=yes", "mine: flag is true|false, not 'yes'"),
        ("choice=middling", "mine: choice is near|far|3, not 'middling'"),
        ("widths=5,5", "cannot read '5'"),
        ("widths=5by5", "mine: widths is widths like 512x512, not '5by5'"),
        ("rank=nothing", "mine: rank is an integer or none, not 'nothing'"),
        ("whoel=1", "mine has no parameter 'whoel'; did you mean whole"),
        ("zzz=1", "mine has no parameter 'zzz'; there are: whole, number, flag"),
        ("whole=9223372036854775808", "mine: whole is an integer of at most 64 bits, not '9223372036854775808'"),
        ("whole=-1" + 4999 * "0", "mine: whole is an integer of at most 64 bits, not '-1000"),
        ("widths=5x9223372036854775808", "mine: widths is widths like 512x512, not '5x9223372036854775808'"),
        ("whole=1|x", "mine: whole is an integer, not 'x'"),
    ],
)
def test_ill_typed_setting_names_the_parameter_its_type_and_the_choices(setting: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        combinations(Everything, parse_selector(f"mine[{setting}]").sweep, "mine")
    assert message in str(caught.value)


class MuteError(ValueError):
    def __str__(self) -> str:
        raise KeyError


@dataclass(frozen=True, kw_only=True)
class Mute:
    def __post_init__(self) -> None:
        raise MuteError


def test_a_refusal_whose_message_cannot_be_read_is_one_line() -> None:
    with pytest.raises(UsageError, match=r"^mute: \(its message cannot be read: KeyError\)$"):
        combinations(Mute, {}, "mute")


def test_a_default_is_kept_as_its_declared_type_whatever_was_written() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Sloppy:
        rate: float = 1
        widths: tuple[int, ...] = (8,)
        rank: int | None = None

    assert repr(field_values(Sloppy(), "a")) == repr({"rate": 1.0, "widths": (8,), "rank": None})
