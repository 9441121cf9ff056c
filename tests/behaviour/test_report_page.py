"""The report in a browser, as on a phone: headless Chromium, light and dark."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from kerasaug import plots
from kerasaug.study import report as reporting
from kerasaug.study.arms import parse
from kerasaug.study.results import summarise
from kerasaug.training import latent_map

RESULTS = Path(__file__).parents[2] / "docs" / "results"
BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    not (BROWSER and DRIVER), reason="needs Debian's packages chromium and chromium-driver"
)
SCHEMA_1_KEYS = {
    "kept_shares": "acceptance_rates",
    "recognised": "classification_accuracy",
    "chosen": "tau",
    "like": "proxy_arm",
}
PHONE = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
CONTRAST = """
const light = colour => {
  const parts = colour.match(/[\\d.]+/g).slice(0, 3).map(part => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
};
const behind = element => {
  for (let each = element; each; each = each.parentElement) {
    const colour = getComputedStyle(each).backgroundColor;
    if (!/^rgba\\(.*, 0\\)$/.test(colour)) return colour;
  }
};
const texts = "h1, h2, p, th, td, small, summary, figcaption, span, li, pre, code";
return [...document.querySelectorAll(texts)]
  .map(element => {
    const pair = [getComputedStyle(element).color, behind(element)].map(light);
    return [(Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05), element.textContent];
  });
"""
SCROLLING = """
return [...document.querySelectorAll("*")]
  .filter(each => each.scrollWidth > each.clientWidth && each.clientWidth > 0
                  && getComputedStyle(each).overflowX == "auto" && each.tabIndex < 0)
  .map(each => each.outerHTML.slice(0, 80));
"""


@pytest.fixture(scope="module")
def results():
    """Those of the longest study, with every kind of arm, brought to the present schema."""
    text = (RESULTS / "mnist-5-54.json").read_text(encoding="utf-8")
    for old, new in SCHEMA_1_KEYS.items():
        text = text.replace(f'"{old}"', f'"{new}"')
    old_results = json.loads(text)
    trials = [
        {**trial, "arm": str(parse(name))}
        for name, arm in old_results["arms"].items()
        for trial in arm["trials"]
    ]
    logit_adjustment = {
        str(parse(name)): {**choice, "proxy_arm": str(parse(choice["proxy_arm"]))}
        for name, choice in old_results["adjustment"].items()
    }
    test_counts = [sum(row) for row in trials[0]["confusion_matrix"]]
    names = [str(parse(name)) for name in old_results["config"]["arms"]]
    return summarise(
        trials,
        config={**old_results["config"], "arms": names},
        data={"test_counts": test_counts, "notes": [], **old_results["data"]},
        fidelity=old_results["fidelity"],
        augmentation=old_results["augmentation"],
        logit_adjustment=logit_adjustment,
    )


@pytest.fixture(scope="module")
def report(results, tmp_path_factory):
    output = tmp_path_factory.mktemp("study")
    for name in ("samples.png", *(f"latent-{name}" for name in latent_map.PICTURES)):
        plots.save_grid(np.zeros((4, 8, 8, 1), np.uint8), output / "figures" / name, columns=2)

    def blank(figure, path):
        width, height = figure.get_size_inches().astype(int)
        plots.save_grid(np.zeros((1, height, width, 1), np.uint8), path, columns=1, enlarge=50)

    with pytest.MonkeyPatch.context() as patch:
        # Drawing takes longer than all of these tests, and has tests of its own.
        patch.setattr(plots, "save_figure", blank)
        reporting.write(results, output)
    return output / "report.html"


@pytest.fixture(scope="module")
def browser():
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture(params=["light", "dark"])
def page(request, browser, report):
    """The page as a phone shows it, with everything unfolded."""
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", PHONE)
    scheme = {"name": "prefers-color-scheme", "value": request.param}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
    browser.get(report.as_uri())
    browser.execute_script("document.querySelectorAll('details').forEach(e => { e.open = true })")
    return browser


def test_the_page_is_readable_on_a_phone_in_light_and_dark(page):
    assert page.execute_script("return document.documentElement.scrollWidth") <= PHONE["width"]
    faint = [text for ratio, text in page.execute_script(CONTRAST) if ratio < 4.5]
    assert not faint
    # What scrolls by itself can be scrolled by keys.
    assert page.execute_script(SCROLLING) == []
    assert page.get_log("browser") == []


def test_the_page_asks_for_nothing_from_elsewhere(page):
    asked = page.execute_script("return performance.getEntriesByType('resource').map(e => e.name)")
    assert [name for name in asked if not name.startswith("data:")] == []


def test_the_verdict_stands_first_and_pictures_say_their_figures(page, results):
    places = page.execute_script(
        "return ['.verdict', 'img', 'table'].map("
        "each => document.querySelector(each).getBoundingClientRect().top)"
    )
    assert places == sorted(places)
    images = page.execute_script(
        "return [...document.querySelectorAll('img')].map(e => [e.alt, e.naturalWidth])"
    )
    assert all(alt.strip() and width > 0 for alt, width in images)
    alts = " ".join(alt for alt, _ in images)
    for name, arm in results["arms"].items():
        assert f"{name} {arm['summary']['rare_recall']['mean']:.3f}" in alts
