"""The site as people meet it: a real Chromium opens it from the disk, with a keyboard, on a phone, in the dark."""

import re
import shutil
import subprocess

import pytest

from harness.gate.compare import compare
from harness.report.site.publish import publish
from harness.report.site.sources import in_reports
from harness.results.folder import read_run
from tests.report.site.made import factory, many

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
compute_driver_executable = pytest.importorskip("playwright._impl._driver").compute_driver_executable
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this host: apt install chromium")

BARRIER_FREE_IN = [{"color_scheme": scheme, "bypass_csp": True} for scheme in ("light", "dark")]
"""axe-core is put into the page, which the site's own policy forbids."""
PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reports with spaces")
    many(folder, 6, made=factory(tmp_path_factory.mktemp("first"), rounds=40))
    return folder


@pytest.fixture(scope="module")
def site(reports, tmp_path_factory):
    sources, _ = in_reports(reports)
    return publish(tmp_path_factory.mktemp("published") / "site #1", sources)


@pytest.fixture(scope="module")
def browser():
    driver = subprocess.run(
        [compute_driver_executable()[0], "--version"], capture_output=True, text=True, check=False
    )
    if driver.returncode:
        pytest.skip(f"playwright's driver does not run on this host: {driver.stderr.strip()}")
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def page(browser, request):
    """A page whose console must stay silent, and which may open nothing but files."""
    context = browser.new_context(**getattr(request, "param", {}))
    opened, told, asked = context.new_page(), [], []
    opened.on("console", lambda message: told.append(message.text))
    opened.on("pageerror", lambda error: told.append(str(error)))
    opened.on("requestfailed", lambda each: told.append(f"{each.url}: {each.failure}"))
    opened.on("request", lambda each: asked.append(each.url))
    yield opened
    context.close()
    assert told == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []


def address(site, path):
    return f"{site.folder.resolve().as_uri()}/{path}"


def every_kind(site):
    """One page of each kind, the comparison with two runs."""
    old, new = min(site.runs), max(site.runs)
    trend = "trends/boot/guest-ready.html"
    return [
        "index.html",
        "trends.html",
        trend,
        f"compare.html?before={old}&after={new}",
        f"runs/{new}/index.html",
    ]


def open_site(page, site, path="index.html"):
    page.goto(address(site, path))
    if "compare" in path and "?" in path:
        page.wait_for_selector("#comparison table")


def table(page):
    """The comparison: (subject, scenario, metric in words) → the cells of its row."""
    return page.evaluate(
        """() => Array.from(document.querySelectorAll("#comparison .scroll")).flatMap((scroll) => {
          const subject = scroll.previousElementSibling.textContent;
          let scenario = "";
          return Array.from(scroll.querySelectorAll("tbody tr")).flatMap((row) => {
            const cells = Array.from(row.cells, (cell) => cell.textContent);
            if (cells.length === 1) { scenario = cells[0]; return []; }
            return [[subject, scenario, ...cells]];
          });
        })"""
    )


@pytest.mark.parametrize(
    "page", [{"viewport": PHONE}, {"color_scheme": "dark"}], ids=["phone", "dark"], indirect=True
)
def test_every_kind_of_page_opens_in_silence_and_is_no_wider_than_the_screen(page, site):
    for path in every_kind(site):
        open_site(page, site, path)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        assert page.locator("h1").count() == 1


@pytest.mark.parametrize("page", BARRIER_FREE_IN, ids=["light", "dark"], indirect=True)
def test_axe_finds_no_barrier(browser, page, site):
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe-core is not installed"
    ).Axe()
    for path in every_kind(site)[:4]:
        open_site(page, site, path)
        found = axe.run(page, options={"preload": False})
        assert found.violations_count == 0, f"{path}: {found.generate_report()}"


def by_interval(change):
    """What the site, which has no samples to test, says of an interval."""
    low, high = change.ratio_ci95
    if min(change.samples) < 6:
        return "unclear"
    if low <= 1 <= high:
        return "same"
    return "better" if (low > 1) == (change.better == "higher") else "worse"


def test_the_comparison_says_what_the_command_says(page, site, reports):
    """Ratios to the digit; intervals to a tenth of their width, and its words where those are not a hair from 1."""
    old, new = min(site.runs), max(site.runs)
    open_site(page, site, f"compare.html?before={old}&after={new}")
    shown = table(page)
    words = {(each["scenario"], each["metric"]): each["words"] for each in site.runs[new]["series"]}
    told = {
        (change.subject, change.scenario, words[change.scenario, change.metric]): change
        for change in compare(read_run(reports / old), read_run(reports / new)).changes
    }
    assert len(shown) == len(told) > 30
    clear = 0
    for row in shown:
        subject, scenario, metric, verdict, ratio, ci95 = row[:6]
        change = told[subject, scenario, metric]
        assert float(ratio) == pytest.approx(change.ratio, abs=6e-4)
        low, high = map(float, re.split(r"\s*\u2013\s*", ci95))
        tolerance = 0.1 * (change.ratio_ci95[1] - change.ratio_ci95[0]) + 1e-3
        assert (low, high) == pytest.approx(change.ratio_ci95, abs=tolerance), row
        if min(abs(end - 1) for end in change.ratio_ci95) > tolerance:
            clear += 1
            assert verdict == by_interval(change), row
    assert clear > 20
    (banner,) = page.locator(".banner").all_inner_texts()  # one for all subjects in which the same differs
    assert "differ: version QEMU 7.2.22 became QEMU 10.0.2" in banner


def test_a_run_is_found_and_two_are_compared_with_the_keyboard_alone(page, site):
    open_site(page, site)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "filter-text"
    wanted = sorted(site.runs)[2]
    page.keyboard.type(wanted)
    assert page.locator("#runs tr:visible").count() == 1
    assert page.locator("#filter-count").inner_text() == "1 of 6"
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(f"runs/{wanted}/index.html"))
    page.get_by_role("link", name="Compare with another").focus()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(f"after={wanted}"))
    page.get_by_label("before").focus()
    page.keyboard.press("End")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector("#comparison table")
    assert f"before={min(site.runs)}&after={wanted}" in page.url
    assert "metrics in common" in page.get_by_role("status").inner_text()


@pytest.mark.parametrize("query", ["before=nobody&after=nobody", "before=%3Cimg%20src%3Dx%3E&after=../../x"])
def test_runs_that_are_not_there_are_named_and_nothing_is_loaded(page, site, query):
    open_site(page, site, "compare.html")
    page.goto(address(site, f"compare.html?{query}"))
    page.wait_for_function("document.getElementById('status').textContent.startsWith('No run')")
    assert page.locator("main img").count() == 0


def test_the_list_is_whole_without_scripts(browser, site):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    open_site(page, site)
    assert page.locator("#runs tr").count() == len(site.runs)
    assert not page.locator("#filter").is_visible()
    page.goto(address(site, "compare.html"))
    assert page.get_by_text("visorbench compare BEFORE AFTER").is_visible()
    context.close()
