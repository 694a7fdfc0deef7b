"""The page in a real browser: it opens offline, sorts, filters, hovers, obeys keys, and fits a phone."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import report_cases as cases
from report_browser import Browser, needs_browser
from test_report_page import hostile_page

from mibench.discovery import Plugin
from mibench.discovery.registry import Registry
from mibench.reporting.page import render

pytestmark = needs_browser


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    records = [*cases.curves({"good": 0.1, "bad": 0.3}), *cases.trained(["good", "bad"])]
    records.append(cases.failed("worst", "as asked", "Traceback (most recent call last): here"))
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(render(records, cases.registry(), command="mibench report"), encoding="utf-8")
    return path


@pytest.fixture
def opened(browser: Browser, report: Path) -> Iterator[Browser]:
    browser.open(report)
    yield browser
    assert browser.complaints() == []


def test_it_opens_without_a_complaint_and_asks_for_nothing_but_itself(browser: Browser, report: Path) -> None:
    browser.open(report)
    browser.find("#theme").click()
    assert browser.complaints() == []
    assert [url for url in browser.requests() if not url.startswith("data:")] == [report.as_uri()]


def test_hostile_text_runs_nothing(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "hostile.html"
    path.write_text(hostile_page(), encoding="utf-8")
    browser.open(path)
    for details in browser.find_all("details > summary"):
        browser.ask("arguments[0].click()", details)
    browser.ask("document.querySelectorAll('.panel > svg').forEach((svg) => { svg.focus(); })")
    browser.press("ArrowRight")
    assert browser.tip
    assert browser.ask("window.pwned === undefined && document.images.length === 0")
    assert browser.complaints() == []
    assert [url for url in browser.requests() if not url.startswith("data:")] == [path.as_uri()]


def test_the_policy_stops_what_is_not_the_pages_own(browser: Browser, report: Path, tmp_path: Path) -> None:
    path = tmp_path / "injected.html"
    attack = "<script>window.pwned = 1</script><img src=x onerror='window.pwned = 1'></body>"
    path.write_text(report.read_text(encoding="utf-8").replace("</body>", attack), encoding="utf-8")
    browser.open(path)
    assert browser.ask("window.pwned === undefined")
    assert len(browser.complaints()) >= 2


def test_a_heading_sorts_up_and_down_by_pointer_and_by_key(opened: Browser) -> None:
    headings = opened.ask(
        "[...document.querySelector('table.sortable').tHead.rows[0].cells].map((th) => th.textContent)"
    )
    place = headings.index("mean ± std")
    button = opened.find_all("table.sortable th button")[place]
    numbers = [float(cell.split()[0]) for cell in opened.column(place) if cell]

    def state() -> str:
        return opened.find_all("table.sortable th")[place].get_attribute("aria-sort")

    assert state() == "none"
    button.click()
    assert state() == "ascending"
    up = opened.column(place)
    assert [float(cell.split()[0]) for cell in up if cell] == sorted(numbers)
    button.send_keys("\n")
    assert state() == "descending"
    down = opened.column(place)
    assert [float(cell.split()[0]) for cell in down if cell] == sorted(numbers, reverse=True)
    assert up[-1] == down[-1] == ""  # the failed one has no number, and comes last either way


def test_words_and_choices_filter_rows_and_say_how_many_are_left(opened: Browser) -> None:
    everything = len(opened.column(0))
    opened.find(".tools input").send_keys("GOOD 0.8")
    rows = len(opened.column(0))
    assert 0 < rows < everything
    assert opened.find(".tools output").text == f"{rows} of {everything} rows"
    dimension = opened.find_all(".tools select")[1]  # after that of the estimator
    dimension.send_keys("8")
    assert set(opened.column(2)) == {"8"}
    assert 0 < len(opened.column(0)) < rows


def test_the_values_of_a_line_are_shown_under_the_pointer(opened: Browser) -> None:
    box = opened.ask(
        "(e => { e.scrollIntoView({behavior: 'instant', block: 'center'}); const b = e.getBoundingClientRect();"
        " return [b.left, b.top, b.width, b.height] })(document.querySelector('.lines .panel > svg'))"
    )
    opened.point(box[0] + box[2] * 0.95, box[1] + box[3] * 0.3)
    lines = opened.tip.splitlines()
    assert lines[0] == "rho 0.8"
    assert {"good", "bad", "truth"} <= set(lines)
    assert any(line.endswith("(3 seeds)") for line in lines)
    opened.point(5, 5)
    assert opened.tip == ""


def test_arrow_keys_read_the_values_aloud_and_escape_ends_it(opened: Browser) -> None:
    opened.ask("document.querySelector('.points .panel > svg').focus()")
    opened.press("ArrowRight")
    first = opened.find("#said").get_attribute("textContent")
    assert first.startswith("good")
    assert "seconds" in first
    opened.press("ArrowRight")
    assert opened.find("#said").get_attribute("textContent") != first
    opened.press("Escape")
    assert opened.tip == ""


def test_everything_that_acts_is_reached_by_tab_in_the_order_of_the_page(opened: Browser) -> None:
    wanted = opened.ask(
        "[...document.querySelectorAll('a[href], button, input, select, summary, [tabindex=\"0\"]')]"
        ".filter((e) => e.checkVisibility()).length"
    )
    opened.ask("document.activeElement.blur()")
    seen = []
    for _ in range(wanted):
        opened.driver.execute_cdp_cmd(
            "Input.dispatchKeyEvent", {"type": "keyDown", "key": "Tab", "code": "Tab", "windowsVirtualKeyCode": 9}
        )
        seen.append(opened.ask("document.activeElement"))
    assert len({element.id for element in seen}) == wanted
    in_order = "arguments[0].every((e, i, all) => !i || all[i - 1].compareDocumentPosition(e) & 4)"
    assert opened.ask(in_order, seen)


def test_the_legend_hides_an_estimator_and_brings_it_back(opened: Browser) -> None:
    button = opened.find(".lines .legend button")
    series = f".lines g[data-s='{button.get_attribute('data-s')}']"
    assert opened.find(f"{series} path").is_displayed()
    button.click()
    assert button.get_attribute("aria-pressed") == "false"
    assert not opened.find(f"{series} path").is_displayed()
    button.click()
    assert opened.find(f"{series} path").is_displayed()


def test_every_chart_gives_its_data_as_a_table(opened: Browser) -> None:
    summary = next(element for element in opened.find_all("summary") if element.text == "Data of this chart")
    opened.ask("arguments[0].click()", summary)
    rows = opened.find_all("figure table tbody tr")
    assert len(rows) == 2 * 5 * 3  # dimensions, rhos, two estimators and the truth
    assert rows[0].text.split()[:2] == ["d=2", "bad"]


def test_tracebacks_are_folded_until_asked_for(opened: Browser) -> None:
    body = opened.find(".failure pre")
    assert not body.is_displayed()
    opened.find(".failure summary").click()
    assert body.text == "Traceback (most recent call last): here"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_follow_the_system_until_the_button_says_otherwise(browser: Browser, report: Path, scheme: str) -> None:
    browser.open(report, scheme=scheme)

    def dark() -> bool:
        background = browser.ask("getComputedStyle(document.body).backgroundColor")
        return sum(map(int, background.removeprefix("rgb(").removesuffix(")").split(","))) < 200

    assert dark() == (scheme == "dark")
    browser.find("#theme").click()
    assert dark() != (scheme == "dark")


def test_a_phone_scrolls_tables_inside_and_never_the_page_sideways(
    browser: Browser, report: Path, tmp_path: Path
) -> None:
    hostile = tmp_path / "hostile.html"
    hostile.write_text(hostile_page(), encoding="utf-8")
    for path in (report, hostile):
        browser.open(path, width=390, height=844)
        for details in browser.find_all("details > summary"):
            browser.ask("arguments[0].click()", details)
        assert browser.ask("document.documentElement.scrollWidth") == 390
        assert browser.ask(
            "[...document.querySelectorAll('body *')].every((e) => e.closest('.scroll, pre, .unseen, .skip') ||"
            " e.getBoundingClientRect().right <= 391)"
        )


@pytest.mark.parametrize("width", [1280, 1920])
def test_charts_use_the_width_that_the_page_has(browser: Browser, report: Path, width: int) -> None:
    browser.open(report, width=width)
    assert browser.ask("document.getElementById('main').getBoundingClientRect().width") > 0.9 * width
    shares = browser.ask(
        "[...document.querySelectorAll('figure.several')].filter((figure) => figure.checkVisibility()).map((figure) =>"
        " Math.max(...[...figure.querySelectorAll('.panel')].map((panel) => panel.getBoundingClientRect().right))"
        " / figure.getBoundingClientRect().right)"
    )
    assert shares
    assert min(shares) > (0.97 if width == 1280 else 0.65)


def test_rows_of_verdicts_are_equally_high_however_long_a_reason_is(browser: Browser, tmp_path: Path) -> None:
    common = {"task": "curves", "verdict": "worse", "cell": "d=2", "measurement": "mi"}
    verdicts = pd.DataFrame([{**common, "estimator": n, "reason": n * 50} for n in ("good", "a reason ")])
    path = tmp_path / "verdicts.html"
    path.write_text(render(cases.curves({"good": 0.1}), cases.registry(), verdicts=verdicts), encoding="utf-8")
    browser.open(path)
    heights = browser.ask(
        "[...document.querySelectorAll('table')].find((it) => it.textContent.includes('a reason')).tBodies[0].rows"
    )
    assert len({row.size["height"] for row in heights}) == 1


def test_tables_fit_a_laptop_with_all_that_a_verdict_says(browser: Browser, tmp_path: Path) -> None:
    row = {
        "task": "curves",
        "cell": "d=2,n=256,steps=200,bend=none,rotate=false,grid=coarse",
        "estimator": "good",
        "measurement": "mi_gradient",
        "statistic": "relative_rmse",
        "verdict": "other settings",
        "mean": 0.093,
        "low": 0.005,
        "high": 0.18,
        "reference": 0.059,
        "tolerance": 0.003,
        "difference": 0.034,
        "seeds": 2,
        "reason": "d=2, not 8; grid=coarse, not fine: mibench run --profile paper --task gaussian[d=8]",
        "against": "mige-gaussian",
        "provenance": "authors' code",
        "source": "MIGE authors' published curve, d=8",
        "note": "one curve over 32 values of rho in [-0.8 0.8]",
    }
    verdicts = pd.DataFrame([row, {**row, "estimator": "bad", "cell": "d=8,bend=asinh", "verdict": "worse"}])
    path = tmp_path / "wide.html"
    path.write_text(render(cases.curves({"good": 0.1, "bad": 0.2}), cases.registry(), verdicts=verdicts), "utf-8")
    browser.open(path)
    widths = browser.ask(
        "[...document.querySelectorAll('.scroll')].map((it) => [it.ariaLabel, it.scrollWidth - it.clientWidth])"
    )
    assert "Verdicts on curves" in dict(widths)
    assert [name for name, beyond in widths if beyond > 0] == []


def test_long_names_beside_and_below_a_matrix_are_within_it(browser: Browser, tmp_path: Path) -> None:
    names = ["mige[threshold=0.94,conditional=score]", "l1out[conditional=known,memory=512]", "mmmm[WWW=000]"]
    path = tmp_path / "names.html"
    records = cases.curves({name: 0.1 * i for i, name in enumerate(names, 1)})
    spec = replace(cases.CURVES, charts=[replace(cases.CURVE, kind="matrix")])
    path.write_text(render(records, Registry([Plugin("cases", "here", specs=[spec])])), encoding="utf-8")
    browser.open(path)
    cells = "document.querySelectorAll('.panel > svg:has(.cell) text')"
    assert browser.ask(f"{cells}.length") > len(names)
    assert (
        browser.ask(
            f"""[...{cells}].filter((text) => {{
        const [inner, outer] = [text, text.ownerSVGElement].map((it) => it.getBoundingClientRect());
        return inner.left < outer.left || inner.bottom > outer.bottom;
    }}).map((text) => text.textContent)"""
        )
        == []
    )


def test_wide_ticks_are_within_the_panel_and_beside_the_title(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "wide.html"
    places = enumerate((1.0, 2e5, 4e5, 6e5, 8e5, 1e6, 1.19e6, 1.2e6, 1.3e6, 1.42e6))
    records = [cases.record("curves", "a", {"rho": x}, 0, [("mi", 1e9 + 1e4 * i, None)]) for i, x in places]
    spec = replace(cases.CURVES, charts=[cases.CURVE])
    path.write_text(render(records, Registry([Plugin("cases", "here", specs=[spec])])), encoding="utf-8")
    browser.open(path)
    assert browser.ask("document.querySelectorAll('.panel > svg .xt').length") > 1
    outside = browser.ask("""[...document.querySelectorAll('.panel > svg text')].filter((text) => {
        const [inner, outer] = [text, text.ownerSVGElement].map((it) => it.getBoundingClientRect());
        return inner.left < outer.left || inner.right > outer.right;
    }).map((text) => text.textContent)""")
    assert outside == []
    meeting = browser.ask("""[...document.querySelectorAll('.panel > svg .yt')].filter((tick) => {
        const title = tick.ownerSVGElement.querySelector('.yl');
        return tick.getBoundingClientRect().left < title.getBoundingClientRect().right;
    }).map((text) => text.textContent)""")
    assert meeting == []
