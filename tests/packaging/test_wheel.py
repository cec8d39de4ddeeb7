"""The wheel, built and used as a user gets it: from an empty folder, with no checkout in sight."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("cohort", "calibration", "data", "pyproject.toml", "README.md", "LICENSE", ".gitignore")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder that holds what the wheel installs."""
    # Built from a copy, so that nothing is written into the checkout.
    source = tmp_path_factory.mktemp("source")
    for name in SOURCES:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, source / name)
    built = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", built, source],
        check=True,
        capture_output=True,
    )
    target = tmp_path_factory.mktemp("site")
    (wheel,) = built.glob("bone_cohort-*-py3-none-any.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target)
    return target


def run(installed: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python on the wheel's files, ahead of the editable checkout, in an empty folder."""
    return subprocess.run(
        [sys.executable, *arguments],
        check=True,
        capture_output=True,
        text=True,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(installed)},
    )


def test_packages_come_from_the_wheel_and_are_typed(installed: Path, tmp_path: Path) -> None:
    code = "import calibration, cohort; print(cohort.__file__); print(calibration.__file__)"
    for line in run(installed, tmp_path, "-c", code).stdout.split():
        assert Path(line).is_relative_to(installed)
    assert (installed / "cohort" / "py.typed").is_file()
    assert (installed / "calibration" / "py.typed").is_file()


def test_wheel_holds_every_fact_and_study(installed: Path) -> None:
    here = {p.relative_to(ROOT / "data") for p in (ROOT / "data").rglob("*") if p.is_file()}
    shipped = installed / "cohort" / "_data"
    assert {p.relative_to(shipped) for p in shipped.rglob("*") if p.is_file()} == here


def test_wheel_holds_every_module_and_template(installed: Path) -> None:
    """What git ignores, the build leaves out: a careless pattern would lose a package."""
    for package in ("cohort", "calibration"):
        here = {
            p.relative_to(ROOT)
            for p in (ROOT / package).rglob("*")
            if p.is_file() and "__pycache__" not in p.parts
        }
        assert {p for p in here if not (installed / p).is_file()} == set()


def test_bundled_data_is_read_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    code = "from cohort.resources import data_root; print(data_root())"
    assert run(installed, tmp_path, "-c", code).stdout.strip() == str(installed / "cohort/_data")


@pytest.mark.parametrize("kind", ["studies", "therapies", "populations", "parameters", "outcomes"])
def test_command_lists_what_is_bundled(installed: Path, tmp_path: Path, kind: str) -> None:
    listed = run(installed, tmp_path, "-m", "cohort", "list", kind).stdout
    expected = {
        "studies": "freedom",
        "therapies": "denosumab",
        "populations": "postmenopausal_osteoporosis",
        "parameters": "kappa",
        "outcomes": "bmd_lumbar_spine",
    }
    assert expected[kind] in listed
    assert list(tmp_path.iterdir()) == []


def test_licence_and_command_are_declared(installed: Path) -> None:
    (facts,) = installed.glob("bone_cohort-*.dist-info")
    assert (facts / "licenses" / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()
    assert "cohort = cohort.cli:main" in (facts / "entry_points.txt").read_text()
    assert "License-Expression: Apache-2.0" in (facts / "METADATA").read_text()
