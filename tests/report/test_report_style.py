"""Colours: what is read and what is seen stands out from what is behind it, in both themes."""

import re

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
