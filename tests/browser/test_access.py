"""Every page can be used without eyes, mouse or daylight, as far as axe-core can tell."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.book.smoke import ROOT
from tests.browser.test_site import DESK, PHONE, documents, visit

HERE, PLACE = Path(__file__).parent, ROOT / "_build" / "axe"


@pytest.fixture(scope="session")
def axe():
    """axe-core's script, installed by the lock file beside this test."""
    script = PLACE / "node_modules" / "axe-core" / "axe.min.js"
    if not script.is_file():
        if shutil.which("npm") is None:
            pytest.skip("axe-core comes from npm, which is not here")
        PLACE.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, PLACE / name)
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1"]
        if subprocess.run(command, cwd=PLACE, capture_output=True).returncode:
            pytest.skip("npm cannot fetch axe-core")
    return script.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("viewport", "scheme"), [(DESK, "light"), (PHONE, "dark")], ids=["desk, light", "phone, dark"]
)
def test_no_page_has_a_serious_fault(site, browser, axe, viewport, scheme):
    faults = {}
    for path in documents(site):
        page, _ = visit(browser, path, viewport, scheme)
        if page.locator(".spatialbias-explorer").count():
            page.wait_for_selector(".explorer[data-settled]")
        page.evaluate(axe)
        found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")["violations"]
        page.close()
        serious = [
            f"{fault['id']}: {node['target']}"
            for fault in found
            if fault["impact"] in ("serious", "critical")
            for node in fault["nodes"]
        ]
        if serious:
            faults[path.relative_to(site).as_posix()] = serious
    assert faults == {}, faults
