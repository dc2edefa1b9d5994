"""Workflows: the repository's runs the README's blocks, the exported project's runs what the project holds."""

import re
import subprocess

import pytest
import yaml

from export.android.phone.__main__ import add_options
from export.android.render import ROOT, TEMPLATE

OURS, THEIRS = ROOT / ".github/workflows/ci.yml", TEMPLATE / ".github/workflows/check.yml"


def steps(path):
    return [step for job in yaml.safe_load(path.read_text())["jobs"].values() for step in job["steps"]]


def readme_blocks():
    return re.findall(r"^```sh\n(.*?)^```$", (ROOT / "README.md").read_text(), flags=re.M | re.S)


@pytest.mark.parametrize("number", [0, 1])
def test_the_readmes_blocks_are_what_is_run(number):
    step = [step for step in steps(OURS) if "README" in step.get("name", "")][number]
    command = step["run"].removesuffix(" | sh -eux")
    assert command != step["run"]
    found = subprocess.run(["sh", "-c", command], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert found == readme_blocks()[number] and "python" in found


def test_the_first_block_exports_and_the_second_one_tests():
    assert "-m export --device pixel" in readme_blocks()[0] and "-m pytest" in readme_blocks()[1]


@pytest.mark.parametrize("path", [OURS, THEIRS], ids=["ours", "theirs"])
def test_actions_are_pinned_and_rights_are_few(path):
    values = yaml.safe_load(path.read_text())
    assert values["permissions"] == {"contents": "read"}
    for step in steps(path):
        assert re.fullmatch(r"(actions|reactivecircus)/[\w-]+@v\d+", step.get("uses", "actions/none@v1"))
    assert all(job["timeout-minutes"] <= 90 for job in values["jobs"].values())


def test_the_exported_projects_check_is_called_as_it_is():
    import argparse

    script = next(step for step in steps(THEIRS) if "emulator" in step.get("uses", ""))["with"]["script"]
    line = next(line for line in script.splitlines() if "export.android.phone" in line)
    assert line.startswith("cd check && python3 -m export.android.phone ")
    parser = argparse.ArgumentParser()
    parser.add_argument("reference")
    add_options(parser)
    assert parser.parse_args(line.split("export.android.phone ")[1].split()).reference == "reference.json"


def test_it_builds_the_apk_that_it_installs():
    commands = [step["run"] for step in steps(THEIRS) if "run" in step]
    assert "./gradlew --no-daemon assembleDebug" in commands
    uploaded = next(step for step in steps(THEIRS) if "upload" in step.get("uses", ""))["with"]["path"]
    script = next(step for step in steps(THEIRS) if "emulator" in step.get("uses", ""))["with"]["script"]
    assert uploaded.split("/")[-1] in script
