"""Every page can be used without eyes, mouse or daylight, as far as axe-core can tell."""

import shutil
import subprocess
from pathlib import Path

import pytest

from spatialbias.book.pdf import SETTLED
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


def serious(page) -> list[str]:
    """The serious faults of a page as it stands: rule and element."""
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")["violations"]
    return [
        f"{fault['id']}: {node['target']}"
        for fault in found
        if fault["impact"] in ("serious", "critical")
        for node in fault["nodes"]
    ]


@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
def test_no_page_has_a_serious_fault(site, browser, axe, viewport):
    faults = {}
    for path in documents(site):
        if 'http-equiv="refresh"' in path.read_text(encoding="utf-8").lower():
            continue  # it leads to a page that is looked at by itself
        page, _ = visit(browser, path, viewport)
        page.wait_for_function(SETTLED)
        page.evaluate(axe)
        page.add_style_tag(content="* { transition: none !important }")  # no colour half-way
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            page.wait_for_function(
                "(scheme) => [scheme, undefined].includes(document.documentElement.dataset.theme)",
                arg=scheme,  # undefined: a redirect
            )
            if found := serious(page):
                faults[f"{path.relative_to(site).as_posix()}, {scheme}"] = found
        page.close()
    assert faults == {}, faults
