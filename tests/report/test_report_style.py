"""Colours: what is read and what is seen stands out from what is behind it, in both themes."""

import itertools
import re
from collections.abc import Sequence

import numpy as np
import pytest
import report_cases as cases
import site_cases

from mibench.discovery.registry import Registry
from mibench.reporting import templates
from mibench.reporting.page import render
from mibench.reporting.site import build
from mibench.reporting.site.standings import Standings
from mibench.style import COLOURS, css

STYLE = templates.style_sheet()


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(ink: str, paper: str) -> float:
    low, high = sorted((luminance(ink), luminance(paper)))
    return (high + 0.05) / (low + 0.05)


def theme(dark: bool) -> dict[str, str]:
    pairs = re.findall(r"--([\w-]+): light-dark\((#\w{6}),(#\w{6})\)", STYLE)
    return {name: there if dark else here for name, here, there in pairs}


@pytest.mark.parametrize("dark", [False, True])
def test_text_has_a_contrast_of_at_least_4_5_and_charts_of_3(dark: bool) -> None:
    colours = theme(dark)
    pairs = [(name, paper) for name in ("ink", "soft", "link") for paper in ("paper", "raised")]
    pairs += [(name, f"{name}-paper") for name in ("good", "bad", "open", "other")]
    assert {
        pair: contrast(*(colours[name] for name in pair))
        for pair in pairs
        if contrast(*(colours[n] for n in pair)) < 4.5
    } == {}
    series = [(here, there)[dark] for here, there in re.findall(r"--c: light-dark\((#\w{6}),(#\w{6})\)", STYLE)]
    assert len(series) == len(COLOURS)
    assert [colour for colour in series if contrast(colour, colours["paper"]) < 3] == []


SEEN = {
    "all": np.eye(3),
    "no red": np.array([[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]]),
    "no green": np.array([[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]]),
    "no blue": np.array([[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]]),
}
"""What people see of red, green and blue light who lack a kind of cone: Machado, Oliveira & Fernandes (2009)."""
CONES = np.array([[0.4122, 0.5363, 0.0514], [0.2119, 0.6807, 0.1074], [0.0883, 0.2817, 0.6300]])
LAB = np.array([[0.2105, 0.7936, -0.0041], [1.9780, -2.4286, 0.4506], [0.0259, 0.7828, -0.8087]])
"""From light to Oklab: Ottosson (2020)."""


def seen(colour: str, cones: str) -> np.ndarray:
    """Where a colour is in Oklab, as it is seen with some cones."""
    parts = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    light = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return LAB @ np.cbrt(CONES @ (SEEN[cones] @ light).clip(0, 1))


def least_distance(colours: Sequence[str]) -> float:
    pairs = itertools.combinations(colours, 2)
    return min(float(np.linalg.norm(seen(a, cones) - seen(b, cones))) for a, b in pairs for cones in SEEN)


def test_no_two_colours_are_closer_than_the_first_six_whatever_cones_see_them() -> None:
    assert len({*COLOURS}) == len(COLOURS) == 12
    assert least_distance(COLOURS) == least_distance(COLOURS[:6])


def test_every_page_brings_the_look_of_charts_with_it() -> None:
    look = [re.sub(r"\s*([{};,])\s*", r"\1", line) for line in css().splitlines()]
    site = dict(build(Standings(site_cases.frame(), site_cases.registry())))
    for styled in (render(cases.curves({"good": 0.1}), Registry([])), site["style.css"]):
        assert [rule for rule in look if rule not in styled] == []
    html = {name: page for name, page in site.items() if name.endswith(".html")}
    assert len(html) > 4
    assert {
        name for name, page in html.items() if not re.search(r'<link rel="stylesheet" href="(\.\./)?style.css">', page)
    } == set()
