"""The page: whole, offline, escaped, small; and the command that makes it."""

import base64
import hashlib
import itertools
import json
import math
import os
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
import report_cases as cases
from markupsafe import Markup

from mibench.discovery import load_plugins
from mibench.discovery.registry import Registry
from mibench.frames import tidy
from mibench.reporting import sections, summary, tables, templates
from mibench.reporting.page import render
from mibench.reporting.verdicts import verdict_table
from mibench.style import Looks
from mibench.text import printable

STYLE = templates.style_sheet()
VOID = {"br", "img", "input", "link", "meta"}


class Outline(HTMLParser):
    """Elements, attributes and text of a page; unbalanced ones are an error."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, text: str) -> None:
        self.texts.append((self.open[-1] if self.open else "", text))


def html(table: tables.Table) -> str:
    """A table as the page shows it."""
    return templates.fill("table.html", table=table)


@pytest.fixture(scope="module")
def page() -> str:
    records = [
        *cases.curves({"good": 0.1, "bad": 0.3}),
        *cases.trained(["good", "bad"]),
        cases.failed("bad", "no", "Traceback: x"),
    ]
    return render(records, cases.registry(), command="mibench report -o here.html")


def hostile_page() -> str:
    """A page on which everything that plugins and errors may say is hostile."""
    records = []
    for name in cases.HOSTILE:
        records += [cases.failed(name, name, f"Traceback\n{name}"), *cases.curves({f"ok {name}": 0.1})]
        skipped = {"status": "skipped", "error": {"type": name, "message": name, "traceback": ""}}
        records.append(cases.record("curves", name, {"d": 2, "rho": 0.5, name: name}, 1, [], **skipped))
        odd = {"device": name, "environment": {name: name}}
        records.append(cases.record(name, "a", {"k": name}, 0, [(name, 1.0), (f"{name}2", 1.0, None, 1)], **odd))
    charts = [
        cases.Chart(title=name, kind="lines", x=cases.Axis("rho", name), y=cases.Axis("mi", name), note=name)
        for name in cases.HOSTILE
    ]
    spec = cases.TaskSpec(
        name="curves",
        target="none:None",
        profiles=cases.QUICK,
        charts=charts,
        summary=cases.HOSTILE[0],
        reference=cases.HOSTILE[1],
    )
    verdicts = pd.DataFrame({"task": "curves", "estimator": cases.HOSTILE, "verdict": "worse", "note": cases.HOSTILE})
    return render(
        records, cases.registry(spec), verdicts=verdicts, command=" ".join(cases.HOSTILE), title=cases.HOSTILE[2]
    )


def test_a_page_is_balanced_html_with_a_language_one_h1_and_headings_in_order(page: str) -> None:
    outline = Outline(page)
    levels = [int(tag[1]) for tag, _ in outline.elements if re.fullmatch("h[1-6]", tag)]
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    assert ("html", {"lang": "en"}) in outline.elements
    links = {attributes["href"] for tag, attributes in outline.elements if tag == "a"}
    identities = {f"#{attributes['id']}" for _, attributes in outline.elements if "id" in attributes}
    assert links <= identities
    assert len(identities) == sum("id" in attributes for _, attributes in outline.elements)


def test_nothing_is_fetched_and_the_policy_allows_the_pages_own_style_and_script_alone(page: str) -> None:
    outline = Outline(page)
    for _, attributes in outline.elements:
        assert not {"src", "srcset", "style", "action"} & set(attributes)
        assert not any(name.startswith("on") for name in attributes)
        assert not any(str(attributes.get("href", "#")).startswith(start) for start in ("http", "//", "file"))
    assert "url(" not in STYLE
    assert "@import" not in STYLE
    (policy,) = [a["content"] for tag, a in outline.elements if tag == "meta" and a.get("http-equiv")]
    assert policy is not None
    assert policy.startswith("default-src 'none'; base-uri 'none'; form-action 'none'; ")
    assert "unsafe" not in policy
    for kind, tag in (("style", "style"), ("script", "script")):
        (inside,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page, flags=re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy


def test_hostile_names_and_errors_are_text_and_nothing_else() -> None:
    outline = Outline(hostile_page())
    tags = [tag for tag, _ in outline.elements]
    assert "img" not in tags
    for tag, attributes in outline.elements:
        assert not any(name.startswith("on") for name in attributes), tag
        assert tag != "script" or attributes in ({}, {"type": "application/json"})
    texts = " ".join(text for _, text in outline.texts)
    assert all(printable(name) in texts for name in cases.HOSTILE)


@pytest.mark.parametrize(
    "odd", ["\x1b[31mred\x1b[0m", "bell\x07", "caf\udce9", "\ud800", "back\x08", "\u202eright to left"]
)
def test_characters_that_act_or_that_no_file_takes_are_escaped_wherever_they_stand(odd: str) -> None:
    skipped = {"status": "skipped", "error": {"type": odd, "message": odd, "traceback": odd}}
    records = [
        *cases.curves({odd: 0.1}),
        cases.failed(odd, odd, odd),
        cases.record("curves", odd, {"d": 2, "rho": 0.5, "note": odd}, 1, [], **skipped),
        cases.record(odd, "a", {"k": odd}, 0, [(odd, 1.0), (odd, 1.0, None, 1)], device=odd, environment={odd: odd}),
    ]
    chart = cases.Chart(title=odd, kind="lines", x=cases.Axis("rho", odd), y=cases.Axis("mi", odd), note=odd)
    spec = replace(cases.CURVES, charts=[chart], summary=odd, reference=odd)
    verdicts = pd.DataFrame([{"task": "curves", "estimator": printable(odd), "verdict": "worse"}])
    page = render(records, cases.registry(spec), verdicts=verdicts, command=odd, title=odd)
    page.encode("utf-8")
    assert printable(odd) in page
    assert not {character for character in odd if printable(character) != character} & {*page}
    for block in re.findall(r'<script type="application/json">(.*?)</script>', page, flags=re.DOTALL):
        values = json.dumps(json.loads(block), ensure_ascii=False)
        assert printable(values) == values


def test_a_message_of_a_megabyte_is_shortened_and_says_how_long_it_was() -> None:
    long = "x" * 1_000_000
    skipped = {"status": "skipped", "error": {"type": "Skipped", "message": long, "traceback": ""}}
    records = [
        cases.failed("a", long, long),
        cases.record("curves", "a", {"d": 2, "rho": 0.5, "note": long}, 1, [("mi", 1.0)], environment={"cpu": long}),
        cases.record("curves", "a", {"d": 2, "rho": 0.5}, 2, [], **skipped),
    ]
    page = render(records, cases.registry())
    assert len(page) < 300_000
    assert page.count("1,000,000 characters in all") >= 3


def test_a_json_block_cannot_be_ended_from_inside_and_gives_back_what_was_put_in() -> None:
    blocks = re.findall(r'<script type="application/json">(.*?)</script>', hostile_page(), flags=re.DOTALL)
    assert blocks
    for block in blocks:
        assert not set("<>&\u2028\u2029") & set(block)
    names = {name for block in blocks for name in json.loads(block)["names"].values()}
    assert {printable(f"ok {name}") for name in cases.HOSTILE} <= names


def test_only_markup_is_left_unescaped() -> None:
    shown = tables.table(pd.DataFrame({"<b>": ["<i>", Markup("<i>")]}), '"')
    assert "&lt;b&gt;" in html(shown)
    assert "<i>" not in html(shown).replace("&lt;i&gt;", "")
    assert 'aria-label="&#34;"' in html(shown)


def test_the_same_records_are_the_same_page_byte_for_byte_in_whatever_order_they_come() -> None:
    records = [*cases.curves({"good": 0.1, "bad": 0.3}), *cases.trained(["good"]), cases.failed("bad", "no", "x")]
    first = render(records, cases.registry())
    assert render(records[::-1], cases.registry()) == first
    program = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
import report_cases as cases
from mibench.reporting.page import render
records = [*cases.curves({{"good": 0.1, "bad": 0.3}}), *cases.trained(["good"]), cases.failed("bad", "no", "x")]
sys.stdout.buffer.write(render(records, cases.registry()).encode())
"""
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, env=environment, check=True)
        assert done.stdout.decode() == first


def test_a_page_shows_charts_leaderboards_failures_environment_and_its_command(page: str) -> None:
    outline = Outline(page)
    texts = {text for _, text in outline.texts}
    charts = [cases.CURVE, cases.ERROR, cases.SPLIT, cases.BOTTLENECK, cases.BARS]
    assert {chart.title for chart in charts} | {"Learning curves", "loss"} <= texts
    assert {"Leaderboard", "Failures", "Environment", "mibench report -o here.html", "Traceback: x"} <= texts
    assert sum(tag == "figure" for tag, _ in outline.elements) == 6
    for tag, attributes in outline.elements:
        if attributes.get("role") == "application":
            assert (tag, attributes["tabindex"]) == ("svg", "0")
            assert attributes["aria-label"]


def test_a_task_whose_plugin_is_gone_keeps_its_numbers() -> None:
    page = render(cases.curves({"good": 0.1}), Registry([]))
    assert "plugin that brought this task is not installed" in page
    assert "mean ± std" in page


def test_verdicts_are_shown_where_there_are_some() -> None:
    records = cases.curves({"good": 0.1})
    verdicts = pd.DataFrame(
        [{"task": "curves", "estimator": "good", "verdict": "match"}, {"task": "other", "verdict": "worse"}]
    )
    judged = render(records, cases.registry(), verdicts=verdicts)
    assert '<span class="verdict match">match</span>' in judged
    assert judged.count('<span class="verdict') == 1
    assert "Verdicts" not in render(records, cases.registry())


def test_a_comparison_is_shown_with_intervals_worst_first_and_without_what_all_cells_share() -> None:
    common = {"task": "curves", "measurement": "mi", "low": 0.9, "high": 1.1, "seeds": 3, "reference": 1.0}
    verdicts = pd.DataFrame(
        [
            {**common, "cell": "d=2,n=64", "estimator": "a", "statistic": "mean", "mean": 1.0, "verdict": "match"},
            {**common, "cell": "d=8,n=64", "estimator": "b", "statistic": "rmse", "mean": 1.0, "verdict": "worse"},
        ]
    ).assign(tolerance=0.05, p=float("nan"))
    shown = verdict_table(verdicts, "name")
    assert shown.common == "seeds 3"
    cells = [cell.text for row in shown.rows for cell in row]
    numbers = ["1.00 [0.90, 1.10]", "1 ± 5 %"]
    assert cells == ["b", "d=8", "worse", *numbers, "rmse(mi)", "a", "d=2", "match", *numbers, "mi"]


def test_a_leaderboard_ranks_within_a_setting_and_marks_the_best() -> None:
    frame = pd.DataFrame(
        {
            "d": [2, 2, 8, 8],
            "estimator": list("abab"),
            "error": ["0.3 ± 0.1", "0.2", "0.1", "nan"],
            "hits": [1.0, 2, 2, 1],
        }
    )
    shown = tables.leaderboard(frame, "name", {"d"}, {"error": "lower", "hits": "higher"})
    rows = [[cell.text for cell in row] for row in shown.rows[:2]]
    assert rows == [["1", "b", "2", "0.2", "2"], ["2", "a", "2", "0.3 ± 0.1", "1"]]
    assert [cell.text for row in shown.rows for cell in row if cell.strong] == ["0.2", "2", "2"]
    assert [text for tag, text in Outline(html(shown)).texts if tag == "strong"] == ["0.2", "2", "2"]


def test_different_estimators_look_different_in_a_table() -> None:
    names = [f"mige[score=stein,calibration={kind},threshold={t}]" for kind in ("full", "none") for t in (0.9, 0.97)]
    shown = tables.table(pd.DataFrame({"estimator": names}), "name")
    assert len({cell.start for (cell,) in shown.rows}) == len(names)


def test_the_note_of_a_ranking_says_what_its_columns_are_and_no_more() -> None:
    records = cases.curves({"good": 0.1, "bad": 0.2, "oracle": 0.05})
    with_oracle, without = (
        sections.overview(tidy(some), cases.registry(replace(cases.CURVES, better={"mi": "truth"})), Looks())
        for some in (records, [record for record in records if record.trial.spelled != "oracle"])
    )
    for overview, near in ((with_oracle, True), (without, False)):
        assert overview is not None
        assert overview.ranking is not None
        assert ("near the oracle, %" in [column.name for column in overview.ranking.columns]) == near
        assert ("near the oracle" in overview.note) == near


def test_what_did_not_end_well_and_what_was_measured_on_another_grid_is_not_ranked_among_the_rest() -> None:
    frame = pd.DataFrame(
        {
            "estimator": list("abcd"),
            "error": [0.3, 0.1, 0.2, 0.05],
            "rhos": [8, 8, 8, 32],
            "not ok": ["", "2", "", ""],
        }
    )
    frame.attrs["apart"] = ["rhos"]
    shown = tables.leaderboard(frame, "name", set(), {"error": "lower"})
    cells = [cell.text for row in shown.rows for cell in row if cell.text]
    assert cells == [*"1c8", "0.2", *"2a8", "0.3", *"b8", "0.1", "2", *"1d", "32", "0.05"]
    assert [cell.text for row in shown.rows for cell in row if cell.strong] == ["0.2"]


def test_the_task_says_which_end_of_a_column_is_good_by_what_the_column_shows() -> None:
    spec = replace(cases.CURVES, better={"rmse(*)": "lower", "hits": "higher", "mi": "truth"})
    frame = pd.DataFrame({"hits": [1], "RMSE": [1], "mi": [1], "time": [1]})
    assert tables.good_ends(frame, spec) == {"hits": "higher"}
    frame.attrs["shows"] = {"time": "seconds", "RMSE": "rmse(mi)", "absent": "hits"}
    assert tables.good_ends(frame, spec) == {"time": "lower", "RMSE": "lower"}
    assert tables.good_ends(frame, None) == {"time": "lower"}


def test_a_table_that_has_a_column_called_rank_is_ranked_nonetheless() -> None:
    frame = pd.DataFrame({"estimator": list("ab"), "rank": [3, 4], "error": [0.2, 0.1]})
    shown = tables.leaderboard(frame, "name", set(), {"error": "lower"})
    assert [column.name for column in shown.columns] == ["place", "estimator", "error", "rank"]


def test_failures_are_grouped_counted_and_bounded() -> None:
    same = [cases.failed("bad", "no", "Traceback: x", seed) for seed in range(3)]
    many = [cases.failed("bad", f"no {i}", "long " * 10_000, i) for i in range(200)]
    shown = render([*same, *many], cases.registry())
    assert "ValueError: no (3 trials)" in shown
    assert shown.count('<details class="failure">') == sections.MOST_FAILURES
    assert f"{201 - sections.MOST_FAILURES} more ways to fail are not shown" in shown
    assert len(shown) < 500_000
    assert "None: every trial that was run ended well." in render(cases.curves({"good": 0.1}), cases.registry())


def test_rows_beyond_the_bound_are_counted() -> None:
    shown = html(tables.table(pd.DataFrame({"n": range(tables.MOST_ROWS + 5)}), "numbers"))
    assert shown.count("<tr>") == tables.MOST_ROWS + 1
    assert "5 more rows are not shown" in shown


def test_ten_thousand_trials_fit_into_three_megabytes() -> None:
    names = {f"estimator[width={i}]": 0.01 * i for i in range(1, 6)}
    records = cases.curves(names, seeds=20, rhos=20, dimensions=(2, 4, 8, 16, 32))
    alone = cases.curves({"alone": 0.1}, seeds=1, rhos=400, dimensions=tuple(range(1, 26)))
    many = cases.trained([f"estimator[width={i}]" for i in range(1667)], epochs=1)
    assert len(records) == len(alone) == 10_000 < len(many)
    declared = Registry([*load_plugins(), *cases.registry().plugins])
    assert all(len(render(shown, declared)) < 3_000_000 for shown in (records, alone, many))


def test_long_learning_curves_of_many_estimators_stay_small() -> None:
    records = cases.trained([f"estimator[width={i}]" for i in range(60)], epochs=300)
    assert len(render(records, cases.registry())) < 1_500_000


def test_a_task_that_measures_values_alone_is_ranked_by_their_error() -> None:
    means = summary.means(tidy(cases.curves({"bad": 0.3, "good": 0.1})))
    shown = tables.leaderboard(means, "name", {"d", "rho"}, tables.good_ends(means, None))
    names = [column.name for column in shown.columns]
    rows = [dict(zip(names, [cell.text for cell in row], strict=True)) for row in shown.rows]
    far = [row for row in rows if row["d"] == "8" and row["rho"] == "0.8"]
    assert [(row["rank"], row["estimator"]) for row in far] == [("1", "good"), ("2", "bad")]
    truth = -8 / 2 * math.log1p(-(0.8**2))
    squares = [(0.1 * (1 + seed / 10) * truth) ** 2 for seed in range(3)]
    assert float(far[0]["rmse"]) == pytest.approx(math.sqrt(sum(squares) / 3), rel=1e-3)


def test_who_failed_or_diverged_in_a_cell_has_no_rank_there() -> None:
    frame = tidy([*cases.curves({"bad": 0.3, "good": 0.1}, rhos=2, dimensions=(2,)), cases.failed("lost", "no", "")])
    frame = frame.assign(d=2)
    ended_badly = {"good": ("failed", "", math.nan), "bad": ("diverged", "mi", 0.0)}
    for name, (status, measurement, value) in ended_badly.items():
        lost = (frame["estimator"] == name) & (frame["seed"] == 0) & (frame["rho"] == 0.8)
        changed = {"status": status, "measurement": measurement, "value": value}
        broken = frame.assign(**{column: frame[column].mask(lost, to) for column, to in changed.items()})
        means = summary.means(broken).set_index(["rho", "estimator"])
        kept = broken[(broken["estimator"] == name) & (broken["rho"] == 0.8) & (broken["seed"] > 0)]
        row = means.loc[(0.8, name)]
        assert (row["mean"], row["seeds"], row["not ok"]) == (pytest.approx(kept["value"].mean()), 2, f"1 {status}")
        assert means.loc[(-0.8, name), "not ok"] == ""
        assert means.loc[(0.5, "lost"), ["measurement", "seeds", "not ok"]].tolist() == ["", 0, "1 failed"]
        shown = tables.leaderboard(means.reset_index(), "name", {"rho"}, tables.good_ends(means, None))
        names = [column.name for column in shown.columns]
        rows = [dict(zip(names, [cell.text for cell in row], strict=True)) for row in shown.rows]
        ranks = {row["estimator"]: row["rank"] for row in rows if row["rho"] == "0.8"}
        assert ranks == {**dict.fromkeys(ended_badly, "1"), name: ""}


def test_what_all_rows_say_is_a_line_below_and_long_texts_are_unfolded_on_demand() -> None:
    frame = pd.DataFrame({"estimator": list("ab"), "seeds": [3, 3], "note": ["short", "long " * 30]})
    shown = tables.table(frame, "name")
    assert [column.name for column in shown.columns] == ["estimator", "note"]
    assert shown.common == "seeds 3"
    assert "The same in all rows: seeds 3." in html(shown)
    assert html(shown).count("<details>") == 1
    assert tables.table(frame.head(1), "name").common == ""
