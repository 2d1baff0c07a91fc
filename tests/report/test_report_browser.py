"""The page in a real browser: nothing sticks out, nothing is fetched."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.report.factory import make_other
from tests.report.rate_factory import make_judged, make_rates, propagated
from tests.report.refiner_factory import make_refiner
from vstc.report.page import build_page
from vstc.report.sources import open_sources

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no chromium here")

# A frame of the wanted width holds the page: headless windows do not get as narrow as a phone.
PROBE = """<body><iframe id="frame" style="border:0;width:{width}px;height:900px" srcdoc="{page}">
</iframe><pre id="seen"></pre><script>
frame.onload = () => {{
  const root = frame.contentDocument.documentElement;
  const boxes = [...root.querySelectorAll("body *")]
    .filter(e => !e.closest(".scroll") && e.getBoundingClientRect().right > {width} + 1);
  const loaded = frame.contentWindow.performance.getEntriesByType("resource");
  const images = [...root.querySelectorAll("img")];
  const texts = [...root.querySelectorAll("svg text")].map(e =>
    parseFloat(getComputedStyle(e).fontSize) * Math.hypot(e.getScreenCTM().a, e.getScreenCTM().b));
  seen.textContent = "SEEN" + JSON.stringify({{
    scrollWidth: root.scrollWidth,
    sticking: boxes.map(e => e.tagName + "." + e.getAttribute("class")),
    loaded: loaded.map(e => e.name).filter(name => !name.startsWith("data:")),
    images: images.length,
    broken: images.filter(e => !e.naturalWidth).length,
    smallest: Math.min(...texts),
  }}) + "SEEN";
}};
</script>"""


def look(page: str, tmp_path: Path, *, width: int) -> dict[str, Any]:
    probe = tmp_path / f"probe-{width}.html"
    probe.write_text(PROBE.format(width=width, page=html.escape(page)), encoding="utf-8")
    assert BROWSER is not None
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    command += [f"--user-data-dir={tmp_path / 'profile'}", f"file://{probe}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    found = re.search(r"SEEN(\{.*?\})SEEN</pre>", done.stdout)
    assert found, done.stderr[-2000:]
    seen: dict[str, Any] = json.loads(html.unescape(found.group(1)))
    return seen


@pytest.mark.parametrize("width", [400, 1280])
def test_page_fits_and_fetches_nothing(project: Any, tmp_path: Path, width: int) -> None:
    long_name = make_other(tmp_path / ("an-artifact-with-a-very-long-name" * 3), note="word" * 60)
    dataset, run = project.dataset, project.baseline["run"]
    more = [
        make_judged(tmp_path / "evs", dataset, run, propagated("evs-07", interval=4)),
        make_judged(tmp_path / "fast", dataset, run, propagated("fast")),
        make_rates(tmp_path / "rates", run, {"fast": 22.0, "evs-07": 11.0}),
        make_refiner(tmp_path / "refiner", run),
        tmp_path / "evs-labels",
    ]
    page = build_page(open_sources([*project.all, long_name, *more]), title="A" * 90).html
    seen = look(page, tmp_path, width=width)
    assert seen["scrollWidth"] <= width
    assert seen["sticking"] == []
    assert seen["loaded"] == []
    assert seen["images"] > 20
    assert seen["broken"] == 0
    assert seen["smallest"] >= 8, "chart texts stay legible"
