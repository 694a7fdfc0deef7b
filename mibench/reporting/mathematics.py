"""Formulas as MathML, which browsers typeset themselves: no script, no font and no network."""

import itertools
import re
from xml.etree import ElementTree

from latex2mathml.converter import convert
from markupsafe import Markup

_NAMESPACE = "http://www.w3.org/1998/Math/MathML"
_ELEMENTS = frozenset(
    {"math", "mrow", "mstyle", "mpadded", "mphantom", "menclose", "mfenced"}  # groups
    | {"mi", "mn", "mo", "mtext", "ms", "mspace", "mfrac", "msqrt", "mroot", "mtable", "mtr", "mtd"}
    | {"msub", "msup", "msubsup", "munder", "mover", "munderover"}
)
_LIMITS = {"msub": "munder", "msup": "mover", "msubsup": "munderover"}
"""What takes the place of a script where a formula that stands alone has it below or above an operator."""
_PAIRED = frozenset({*_LIMITS, *_LIMITS.values(), "mfrac", "mroot"})
"""What has a certain number of children, with no room for a space between them."""
_WITH_LIMITS = frozenset("∑∏")
_RELATIONS = {"~": "\N{TILDE OPERATOR}", "±": "±", "∓": "∓"}
"""Symbols that need the space of an operator, and how they are written."""
_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|.", re.DOTALL)
_WIDE = frozenset({r"\quad", r"\qquad"})
_OPENING, _CLOSING = frozenset({"{", r"\begin", r"\left"}), frozenset({"}", r"\end", r"\right"})
_THIN = "0.167em"
_OVERLINE = "\N{HORIZONTAL BAR}"
ElementTree.register_namespace("", _NAMESPACE)


class FormulaError(ValueError):
    """A text is no formula that can be typeset."""


def mathml(latex: str, *, block: bool) -> Markup:
    """A formula as a browser typesets it.

    Args:
        latex: as LaTeX's math mode takes it. Lines are aligned by `split` or `cases`.
        block: whether it stands alone.

    Raises:
        FormulaError: it cannot be read, or holds more than mathematics.
    """
    try:
        written = convert(latex, display="block" if block else "inline")
        root = ElementTree.fromstring(written)  # noqa: S314 - it begins with <math>, and so declares no entity
    except Exception as error:  # the converter raises its own kinds, and those of Python
        raise FormulaError(f"not a formula: {latex}") from error
    for element in list(root.iter()):
        if element.tag.rpartition("}")[2] not in _ELEMENTS or "href" in element.attrib or "\\" in (element.text or ""):
            raise FormulaError(f"not a formula: {latex}")
        _space(element)
        _overline(element)
        if block:
            _place_limits(element)
    return Markup(ElementTree.tostring(root, encoding="unicode"))  # noqa: S704 - nothing but elements of MathML


def display(latex: str) -> Markup:
    r"""A formula that stands alone. Its parts between `\quad` or `\qquad` stand side by side where there is room.

    Args:
        latex: as for `mathml`.

    Raises:
        FormulaError: as for `mathml`.
    """
    parts = [mathml(part, block=True) for part in _parts(latex)]
    return Markup('<div class="math formula" tabindex="0">{}</div>').format(Markup("").join(parts))


def _parts(latex: str) -> list[str]:
    """What stands between wide spaces that no bracket and no environment holds."""
    parts, depth = [""], 0
    for token in _TOKEN.findall(latex):
        depth += token in _OPENING
        depth -= token in _CLOSING
        if depth == 0 and token in _WIDE:
            parts.append("")
        else:
            parts[-1] += token
    return [part for part in parts if part.strip()]


def _space(parent: ElementTree.Element) -> None:
    """Makes operators of symbols that the converter takes for variables, and parts a function from its neighbours."""
    for child in parent:
        if child.text in _RELATIONS:
            child.tag, child.text = _tag("mo"), _RELATIONS[child.text]
    if parent.tag.rpartition("}")[2] in _PAIRED:
        return
    pairs = list(enumerate(itertools.pairwise(parent), start=1))
    for place, (left, right) in reversed(pairs):
        if (_is_function(left) and not _is_symbol(right)) or (_is_function(right) and not _is_symbol(left)):
            parent.insert(place, ElementTree.Element(_tag("mspace"), width=_THIN))


def _is_symbol(element: ElementTree.Element) -> bool:
    """Whether this is a bracket, an operator or a space, which stands off by itself."""
    return element.tag in {_tag("mo"), _tag("mspace")} and not _is_function(element)


def _is_function(element: ElementTree.Element) -> bool:
    """Whether this is a name of several letters, such as log, with its scripts."""
    base = element[0] if element.tag in {_tag(kind) for kind in _LIMITS} else element
    return base.tag in {_tag("mi"), _tag("mo")} and len(base.text or "") > 1 and (base.text or "").isalpha()


def _overline(element: ElementTree.Element) -> None:
    """Makes a line above, which few fonts can stretch, the border of what it is above: see `formulas.css`."""
    if element.tag == _tag("mover") and element[1].text == _OVERLINE:
        element.remove(element[1])
        element.tag = _tag("mrow")
        element.set("class", "overline")


def _place_limits(element: ElementTree.Element) -> None:
    """Puts the range of a sum below and above it."""
    kind = element.tag.rpartition("}")[2]
    if kind in _LIMITS and element[0].text in _WITH_LIMITS:
        element.tag = _tag(_LIMITS[kind])


def _tag(kind: str) -> str:
    return f"{{{_NAMESPACE}}}{kind}"
