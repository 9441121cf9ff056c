"""The report in a browser, as on a phone: headless Chromium, light and dark."""

import shutil

import numpy as np
import pytest

from kerasaug import plots
from kerasaug.quality import fidelity
from kerasaug.study import report as reporting
from kerasaug.study.arms import parse
from kerasaug.study.config import STUDY_PRESETS, StudyConfig
from kerasaug.study.results import Repetition, summarise
from kerasaug.study.scores import Predictions
from kerasaug.study.selection import CANDIDATES
from kerasaug.training import latent_map

BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    not (BROWSER and DRIVER), reason="needs Debian's packages chromium and chromium-driver"
)
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


ARMS = (
    *STUDY_PRESETS["paper"].comparisons["holdout"].arms.split(","),
    "balanced+auto+logit-adjusted",
    "conditional-vae:latent-perturbation+auto+logit-adjusted",
)
NAMES = tuple("0123456789")
RARE = [5, 8]
TESTS = np.repeat(np.arange(10), 30).astype(np.int32)


def repetition(arm, seed):
    """A repetition with predictions that are right more often than not."""
    random = np.random.default_rng([seed, ARMS.index(arm)])
    logits = random.normal(0, 1, (len(TESTS), 10)) + 3 * np.eye(10)[TESTS]
    curve = random.uniform(0, 1, 10).tolist()
    training = {
        "seed": seed,
        "tau": 0.25 * ("adjusted" in arm),
        "thresholds": dict.fromkeys(RARE, 0.4),
        "acceptance_rates": {"5": 0.6, "8": 0.9} if "class-balanced" in arm else {},
        "best_epoch": 10,
        "history": {f"{s}_{q}": curve for s in ("train", "test") for q in ("loss", "accuracy")},
        "seconds": 10.0,
    }
    return Repetition(seed, [training], [Predictions(np.arange(300), TESTS, logits)])


def fidelity_of_all(arms):
    """Figures of every generator."""
    figures = dict.fromkeys(fidelity.NAMES, 0.123)
    classes = {name: dict.fromkeys(("generated", *fidelity.REFERENCES), figures) for name in NAMES}
    models = sorted({arm.model for arm in arms if arm.model})
    return {model: {"classes": classes} for model in models}


@pytest.fixture(scope="module")
def results():
    """Of the longest study, with every kind of arm, two rare classes, and notes."""
    arms = tuple(map(parse, ARMS))
    config = StudyConfig.from_preset("paper", "mnist", {"5": 54, "8": 54}, arms=ARMS, seeds=2)
    counts = [54 if class_id in RARE else 6000 for class_id in range(10)]
    return summarise(
        {str(parse(arm)): [repetition(arm, seed) for seed in (0, 1)] for arm in ARMS},
        config={**config.as_dict(), "generator_note": "Each repetition trained its own generator."},
        data={
            "name": "mnist",
            "class_names": NAMES,
            "class_counts": counts,
            "test_counts": [30] * 10,
            "rare_classes": RARE,
            "notes": [
                {"text": "2 images almost like another", "items": ["5/a.png ~ 5/b.png"] * 20}
            ],
        },
        fidelity=fidelity_of_all(arms),
        augmentation=[{str(arm): 0.9 for arm in CANDIDATES}],
        failures=[{"task": "none, seed 2", "error": "ResourceExhaustedError: " + "x/" * 100}],
    )


@pytest.fixture(scope="module")
def report(results, tmp_path_factory):
    output = tmp_path_factory.mktemp("study")
    for name in ("samples.png", "errors.png", *(f"latent-{name}" for name in latent_map.PICTURES)):
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
        for score in ("rare_average_precision", "rare_recall"):
            assert f"{name} {arm['summary'][score]['mean']:.3f}" in alts


def test_every_part_of_the_longest_page_is_there(page):
    headings = page.execute_script(
        "return [...document.querySelectorAll('h2')].map(e => e.innerText)"
    )
    assert headings == [
        "Every arm",
        "Every rare class",
        "What goes wrong",
        "How many to add",
        "Which augmentation",
        "Real and synthetic images",
        "How good the generated images are",
        "The label filter",
        "The data",
        "The data on a map",
        "Arm against arm",
        "The errors of the classifier",
        "Configuration",
    ]
