"""The files that say what is needed agree: pinned versions, the package's ranges, conda, the workflow."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PINS = {
    line.partition("==")[0]: line.partition("==")[2].split()[0]
    for line in (ROOT / "requirements.txt").read_text().splitlines()
    if "==" in line
}
RANGES = [*PROJECT["dependencies"], *sum(PROJECT["optional-dependencies"].values(), [])]


@pytest.mark.parametrize("wanted", sorted(set(RANGES)))
def test_what_the_package_needs_is_pinned_within_its_range(wanted):
    requirement = Requirement(wanted)
    assert requirement.specifier.contains(PINS[requirement.name])


def test_conda_and_the_workflow_take_the_same_pins_and_python():
    conda = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    (pip,) = (entry["pip"] for entry in conda if isinstance(entry, dict))
    assert {"-r requirements.txt", "-e .[book]"} < set(pip)
    (python,) = (entry.partition("=")[2] for entry in conda if str(entry).startswith("python="))
    workflow = (ROOT / ".github" / "workflows" / "book.yml").read_text()
    assert re.findall(r'python-version: "([^"]*)"', workflow) == [python]
    least = PROJECT["requires-python"].removeprefix(">=")
    assert Version(python) >= Version(least)
