"""The site in a real browser: filters choose, links lead to rows, and it works without script and on a phone."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import site_cases
from report_browser import Browser, needs_browser

from mibench.reporting.site import build
from mibench.reporting.site.folder import write
from mibench.reporting.site.standings import Standings

pytestmark = needs_browser


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    write(build(Standings(site_cases.frame(), site_cases.registry())), folder)
    return folder


@pytest.fixture
def opened(browser: Browser, site: Path) -> Iterator[Browser]:
    browser.open(site / "index.html")
    yield browser
    assert browser.complaints() == []


def choose(browser: Browser, name: str, value: str) -> None:
    browser.ask(
        "(([select, value]) => { select.value = value; select.dispatchEvent(new Event('change', {bubbles: true})) })"
        "([document.querySelector(`select[name=${arguments[0]}]`), arguments[1]])",
        name,
        value,
    )


def names(browser: Browser) -> list[str]:
    return [text for text in browser.column(1) if text]


def test_the_first_page_ranks_values_first_and_asks_for_nothing_but_what_the_site_s_pages_share(
    browser: Browser, site: Path
) -> None:
    browser.open(site / "index.html")
    assert browser.find("h2.quantity").text == "mi"
    assert names(browser) == ["trains", "bad", "good"]  # the means of ranks 1.25 and 3, 1.75 and 2, 3 and 1
    assert browser.complaints() == []
    shared = [(site / name).as_uri() for name in ("index.html", "page.js", "site.js", "style.css")]
    assert sorted(url for url in browser.requests() if not url.startswith("data:")) == shared


def test_a_family_and_a_dimension_have_rankings_of_their_own(opened: Browser) -> None:
    choose(opened, "family", "turned")
    assert names(opened) == ["bad", "trains", "good"]
    choose(opened, "family", "")
    choose(opened, "dimension", "6 to 20")
    assert names(opened)[0] == "trains"
    choose(opened, "family", "turned")
    assert names(opened) == []
    assert "no two estimators" in opened.find("#chosen").text


def test_estimators_that_train_and_those_that_saw_more_pairs_are_hidden_on_request(opened: Browser) -> None:
    choose(opened, "training", "no")
    assert names(opened) == ["bad", "good"]
    choose(opened, "training", "")
    choose(opened, "samples", "256")
    assert names(opened) == ["bad", "good"]
    assert opened.find("#chosen").text == "2 of 3 estimators"


def test_the_gradient_is_chosen_like_the_value(opened: Browser) -> None:
    choose(opened, "quantity", "mi_gradient")
    assert opened.find("h2.quantity").text == "mi_gradient"
    assert set(names(opened)) == {"good", "bad"}


def test_a_note_about_one_quantity_stands_below_its_ranking_alone(browser: Browser, tmp_path: Path) -> None:
    standings = Standings(site_cases.frame(), site_cases.registry())
    standings.left_out = [("", "of all"), ("mi_gradient", "of gradients")]
    write(build(standings), tmp_path)
    browser.open(tmp_path / "index.html")
    assert {"of all.", "of gradients."} & {note.text for note in browser.find_all("p.note")} == {"of all."}
    choose(browser, "quantity", "mi_gradient")
    assert {"of all.", "of gradients."} <= {note.text for note in browser.find_all("p.note")}


def test_a_heading_sorts_what_the_filters_left(opened: Browser) -> None:
    choose(opened, "training", "no")
    button = next(button for button in opened.find_all("th button") if button.text == "estimator")
    button.click()
    button.click()
    assert names(opened) == ["good", "bad"]
    assert button.find_element("xpath", "..").get_attribute("aria-sort") == "descending"


def test_a_number_leads_to_its_row_on_the_estimators_page_and_from_there_to_the_familys(
    browser: Browser, site: Path
) -> None:
    browser.open(site / "index.html")
    choose(browser, "family", "plain")
    browser.ask("document.querySelector('tbody a').click()")
    assert browser.ask("location.pathname").endswith("/families/plain.html")
    browser.open(site / "estimators" / "good.html")
    link = browser.find("tr[id] td:not(.text) a")
    anchor = link.get_attribute("href").partition("#")[2]
    browser.ask("arguments[0].click()", link)
    assert browser.ask("document.querySelector(':target').tagName") == "TR"
    assert browser.ask("document.querySelector(':target').id") == anchor
    assert browser.ask("document.querySelector(':target').cells[1].textContent") == "good"


def test_every_link_of_the_site_leads_to_a_page_and_to_a_row_of_it(browser: Browser, site: Path) -> None:
    pages = sorted(site.rglob("*.html"))
    ids: dict[str, set[str]] = {}
    links: list[str] = []
    for page in pages:
        browser.open(page)
        ids[page.as_uri()] = set(browser.ask("[...document.querySelectorAll('[id]')].map((it) => it.id)"))
        links += browser.ask("[...document.querySelectorAll('a[href]')].map((it) => it.href)")
    assert len(pages) == 1 + 3 + 2
    for link in {link for link in links if not link.endswith(".txt")}:
        page, _, anchor = link.partition("#")
        assert page in ids, link
        assert not anchor or anchor in ids[page], link


def test_without_script_all_rankings_are_there(browser: Browser, site: Path) -> None:
    browser.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.open(site / "index.html")
        assert [heading.text for heading in browser.find_all("h2.quantity") if heading.is_displayed()] == [
            "mi",
            "mi_gradient",
        ]
        assert not browser.find("#filters").is_displayed()
    finally:
        browser.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_filters_and_headings_are_labelled_and_reached_by_tab(opened: Browser) -> None:
    for select in opened.find_all("#filters select"):
        assert opened.ask("arguments[0].labels[0].textContent.length", select) > 0
    assert opened.ask("[...document.querySelectorAll('.scroll')].every((it) => it.getAttribute('aria-label'))")
    wanted = opened.ask(
        "[...document.querySelectorAll('a[href], button, select, summary, [tabindex=\"0\"]')]"
        ".filter((e) => e.checkVisibility()).length"
    )
    opened.ask("document.activeElement.blur()")
    seen = set()
    for _ in range(wanted):
        opened.driver.execute_cdp_cmd(
            "Input.dispatchKeyEvent", {"type": "keyDown", "key": "Tab", "code": "Tab", "windowsVirtualKeyCode": 9}
        )
        seen.add(opened.ask("document.activeElement").id)
    assert len(seen) == wanted


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(browser: Browser, site: Path, scheme: str) -> None:
    """WCAG's contrast of at least 4.5 for every text of the first page, cells of matrices among them."""
    browser.open(site / "index.html", scheme=scheme)
    least = browser.ask(
        """(() => {
            const parts = (text) => text.match(/[\\d.]+/g).map(Number);
            const light = (rgb) => rgb.slice(0, 3).map((v) => v / 255)
              .map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
              .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
            const ground = parts(getComputedStyle(document.body).backgroundColor);
            const mixed = (rgb, share) => rgb.map((v, i) => share * v + (1 - share) * ground[i]);
            const ratio = (a, b) => (Math.max(light(a), light(b)) + .05) / (Math.min(light(a), light(b)) + .05);
            const texts = [...document.querySelectorAll("td, th, p, a, h1, h2, h3, label, figcaption, li")];
            const plain = texts.filter((it) => it.textContent.trim() && it.checkVisibility())
              .map((it) => ratio(parts(getComputedStyle(it).color), ground));
            const ink = parts(getComputedStyle(document.body).color);
            const cells = [...document.querySelectorAll(".cell")].map((it) => getComputedStyle(it))
              .filter((it) => it.fill.startsWith("rgb"))
              .map((it) => ratio(ink, mixed(parts(it.fill), Number(it.fillOpacity))));
            return Math.min(...plain, ...cells);
        })()"""
    )
    assert least >= 4.5


def test_a_phone_scrolls_tables_inside_and_never_the_page_sideways(browser: Browser, site: Path) -> None:
    for page in sorted(site.rglob("*.html")):
        browser.open(page, width=390, height=844)
        assert browser.ask("document.documentElement.scrollWidth") == 390, page


def test_hostile_names_run_nothing_and_leave_the_folder_alone(browser: Browser, tmp_path: Path) -> None:
    write(build(Standings(site_cases.hostile(), site_cases.registry(site_cases.HOSTILE))), tmp_path / "site")
    pages = sorted((tmp_path / "site").rglob("*.html"))
    assert {page.parent.name for page in pages} == {"site", "estimators", "families"}
    assert [path.name for path in tmp_path.iterdir()] == ["site"]
    for page in pages:
        browser.open(page)
        assert browser.ask("window.pwned === undefined && document.images.length === 0")
        assert browser.complaints() == []
