"""Colours: what is read and what is seen stands out from what is behind it, in both themes."""

import re

import pytest

from mibench.reporting import templates

STYLE = templates.read("page.css")


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(ink: str, paper: str) -> float:
    low, high = sorted((luminance(ink), luminance(paper)))
    return (high + 0.05) / (low + 0.05)


def theme(dark: bool) -> dict[str, str]:
    light, chosen, preferred, *_ = re.findall(r":root[^{]*\{([^}]*)\}", STYLE)
    palettes = [dict(re.findall(r"--([\w-]+): (#\w{6})", block)) for block in (light, chosen, preferred)]
    assert palettes[1] == palettes[2]
    return {**palettes[0], **palettes[1]} if dark else palettes[0]


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
    assert [i for i in range(6) if contrast(colours[f"c{i}"], colours["paper"]) < 3] == []
