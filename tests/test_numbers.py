"""Every measured number in the README and the pages is what a committed frame says, or names what measures it."""

import ast
import inspect
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from test_documentation import PAGES, ROOT

sys.path.insert(0, str(ROOT / "docs"))
from frame_queries import answer, rank_correlation

CHECKED = re.compile(r"<!--=(.*?)-->", re.DOTALL)
SOURCED = re.compile(r"<!--@(.*?)-->", re.DOTALL)
COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
FENCED = re.compile(r"^```(.*?)$(.*?)^```$", re.DOTALL | re.MULTILINE)
HIDDEN = re.compile(r"`[^`]+`|\$[^$\n]*\$|\]\([^)]*\)|<!--.*?-->|([Ss]ection|Python) \d+\.\d+", re.DOTALL)
NUMBER = re.compile(r"(?<![\w.:/=-])-?\d+(?:,\d{3})*(?:\.\d+)?(?![\w:]|\.\d|-\w)")
DEFINING = {"comparing.md"}
"""Pages whose numbers are the rules of verdicts, and no measurements."""
UNIT = re.compile(r"\s+(%|points?\b|times\b|ms\b|s\b|seconds\b|minutes?\b|hours?\b|MiB\b|GiB\b|[MG]B\b|bits\b|nats\b)")


@dataclass(frozen=True)
class Claim:
    """An expression in a page, and the numbers that stand before it."""

    page: Path
    expression: str
    before: str

    def numbers(self, count: int) -> list[str]:
        return [match[0] for match in NUMBER.finditer(blank(self.before))][-count:]

    def __str__(self) -> str:
        return f"{self.page.name}: {' '.join(self.expression.split())}"


def blank(text: str) -> str:
    """The text with spaces in place of code and comments, so that places stay; what commands print is kept."""
    printed = FENCED.sub(lambda match: f"   {match[1]}{match[2]}   " if match[1] == "text" else spaces(match), text)
    return HIDDEN.sub(spaces, printed)


def spaces(match: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", match[0])


def claims(page: Path) -> Iterator[Claim]:
    text = page.read_text(encoding="utf-8")
    for marker in CHECKED.finditer(text):
        yield Claim(page, marker[1].strip(), text[: marker.start()])


CLAIMS = [claim for page in PAGES for claim in claims(page)]


@pytest.mark.parametrize("claim", CLAIMS, ids=str)
def test_a_number_in_a_page_is_that_of_its_frame(claim: Claim) -> None:
    value = answer(claim.expression)
    if isinstance(value, bool):
        assert value
        return
    values = list(value) if isinstance(value, tuple | list) else [value]
    written = claim.numbers(len(values))
    assert written == [as_written(number, like) for number, like in zip(values, written, strict=True)]


def as_written(value: float, like: str) -> str:
    """The value with the decimals, and the separators of thousands, of a number in a page."""
    decimals = len(like.partition(".")[2])
    return f"{value:{',' if ',' in like else ''}.{decimals}f}"


def test_a_rank_correlation_is_of_the_estimators_that_are_asked_for_and_of_no_fewer() -> None:
    asked = {"first": "accuracy/Y", "second": "truth/cosine/weights", "x": "image"}
    with pytest.raises(LookupError, match=r"study\.csv has not both accuracy/Y and truth/cosine/weights of untrained"):
        rank_correlation("study", **asked)
    assert -1 <= rank_correlation("study", **asked, estimator=["mige", "mine", "exact[components=2048]"]) <= 1


@pytest.mark.parametrize(
    "page", [page for page in PAGES if page.name not in DEFINING], ids=lambda page: page.relative_to(ROOT).as_posix()
)
def test_every_measured_number_of_a_page_says_where_it_is_from(page: Path) -> None:
    assert unsourced(page) == []


def unsourced(page: Path) -> list[str]:
    """Decimals, and numbers with a unit, that no comment accounts for."""
    text = page.read_text(encoding="utf-8")
    prose = blank(text)
    measured = [match for match in NUMBER.finditer(prose) if "." in match[0] or UNIT.match(prose, match.end())]
    accounted = {place for claim in claims(page) for place in places(claim)}
    accounted |= {place for marker in SOURCED.finditer(text) for place in paragraph(prose, marker.start())}
    return [prose[match.start() : match.end() + 20] for match in measured if match.start() not in accounted]


def places(claim: Claim) -> list[int]:
    value = answer(claim.expression)
    count = 0 if isinstance(value, bool) else len(value) if isinstance(value, tuple | list) else 1
    places = [match.start() for match in NUMBER.finditer(blank(claim.before))]
    return places[len(places) - count :]


def paragraph(prose: str, end: int) -> range:
    """What stands before a comment in its paragraph; of a comment that stands alone, the block above it."""
    above = prose[:end].rstrip()
    start = max(above.rfind("\n\n"), above.rfind("\n- "), above.rfind("\n#"))
    return range(start + 1, end)


SOURCES = sorted(path for folder in ("mibench", "plugins") for path in (ROOT / folder).rglob("*.py"))
QUANTITY = re.compile(r"(?<![\w.])(\d*\.\d+|\d+(\.\d+)? %|\d+ times)(?![\w.])")
MEASURED = re.compile(
    r"(?i)\b(measured|gives?|gave|gains?|shows?|loses?|lost|bias(ed)?|faster|slower|nats of|of the gradient|[MG]B)\b"
)
CITED = re.compile(r"`[^`]*`|\b([Ss]ection|Eqs?\.|Tables?|Figures?) \d+(\.\d+)*|\b95 % interval")


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_docstring_or_comment_holds_a_measured_number(path: Path) -> None:
    """Pages hold them, beside the frame that they are from; numbers of formulas and defaults may stand in code."""
    assert [sentence for sentence in sentences(path.read_text(encoding="utf-8")) if is_result(sentence)] == []


def is_result(sentence: str) -> bool:
    plain = CITED.sub("", sentence)
    return bool(QUANTITY.search(plain) and MEASURED.search(plain))


def test_the_numbers_of_results_are_told_from_those_of_formulas() -> None:
    assert is_result("A plug-in Gaussian gives 1.12 and .69 of the slope.")
    assert is_result("Bias: shrinkage, -3 % to -10 % on strong dependence.")
    assert is_result("It is 5 times faster.")
    assert not is_result("Adam with beta1 = 0.5 and a learning rate of .001.")
    assert not is_result("Its 95 % interval shows how sure that is (section 4.1).")


def sentences(source: str) -> Iterator[str]:
    """The sentences of a module's docstrings and comments, each comment and each paragraph by itself."""
    stated = [node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Expr)]
    strings = [node.value for node in stated if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    texts = [inspect.cleandoc(text) for text in strings]
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    texts += [token.string for token in tokens if token.type == tokenize.COMMENT]
    for text in texts:
        for block in re.split(r"\n\s*\n|\n- ", text):
            yield from re.split(r"(?<=[.;:])\s+(?=\D)", " ".join(block.split()))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_no_source_breaks_the_paragraph_that_it_stands_in(page: Path) -> None:
    """A comment that begins a line ends the paragraph before it, and what follows it is no paragraph."""
    ends = set[int]()
    for token in MarkdownIt().parse(page.read_text(encoding="utf-8")):
        if token.type == "paragraph_open" and token.map:
            ends.add(token.map[1])
        elif token.type == "html_block" and token.map:
            assert token.map[0] not in ends, token.content
            assert not re.sub(r"<!--.*?-->", "", token.content, flags=re.DOTALL).strip(), token.content
