"""The pages are true: their code runs, links resolve, tables and commands are current."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

from calibration.job.load import load_job
from cohort.levers.load import load_job as load_sensitivity
from cohort.model.parameters import PARAMETERS
from cohort.planning.load import load_power
from cohort.search.load import load_search
from cohort.therapy import load_therapy
from cohort.trial.study import load_study

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    ROOT / "data/README.md",
]
PAGES += sorted((ROOT / "docs").glob("*.md"))
RUN_TOGETHER = ("docs/tutorial.md", "docs/results.md")
FENCE = re.compile(
    r'^```(?P<language>\w+)(?: title="(?P<title>[^"]+)")?\n(?P<code>.*?)^```$', re.M | re.S
)


@dataclass(frozen=True)
class Block:
    language: str
    title: str | None
    code: str


def blocks(page: Path) -> Iterator[Block]:
    for found in FENCE.finditer(page.read_text(encoding="utf-8")):
        yield Block(found["language"], found["title"], found["code"])


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def run(command: list[str] | str, folder: Path) -> str:
    """Run words, or a line of a shell, with this environment's `cohort` first on the path."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        command,
        shell=isinstance(command, str),
        capture_output=True,
        text=True,
        cwd=folder,
        env=os.environ | {"PATH": path},
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def execute(page: Path, folder: Path) -> None:
    """Write a page's files, run its commands, then its Python as one script."""
    script = []
    for block in blocks(page):
        if block.title:
            (folder / block.title).write_text(block.code, encoding="utf-8")
        elif block.language == "sh":
            for line in block.code.splitlines():
                run(line, folder)
        elif block.language == "python":
            script.append(block.code)
    if script:
        run([sys.executable, "-c", "\n".join(script)], folder)


@pytest.mark.timeout(600)
def test_tutorial_and_results_run_as_written(tmp_path: Path) -> None:
    for page in RUN_TOGETHER:
        execute(ROOT / page, tmp_path)
    assert (tmp_path / "results/stop_or_switch-0/report.html").is_file()
    columns = (tmp_path / "results/stop_or_switch-0/schema.json").read_text(encoding="utf-8")
    page = (ROOT / "docs/results.md").read_text(encoding="utf-8")
    families = ("theta_", "measured_", "bmd_", "t_score_")
    told = [
        column
        for column in re.findall(r'"column": ?"(\w+)"', columns)
        if f"`{column}`" not in page and not column.startswith(families)
    ]
    assert told == []


@pytest.mark.parametrize(
    "page", [p for p in PAGES if name(p) not in RUN_TOGETHER and any(blocks(p))], ids=name
)
def test_files_and_commands_of_a_page_work(page: Path, tmp_path: Path) -> None:
    execute(page, tmp_path)
    for block in blocks(page):
        if block.title is None or block.language != "toml":
            continue
        table = tomllib.loads(block.code)
        if "arms" in table:
            load_study(tmp_path / block.title)
        elif "targets" in table:
            load_job(tmp_path / block.title)
        elif "grid" in table:
            load_power(tmp_path / block.title)
        elif "factors" in table:
            load_sensitivity(tmp_path / block.title)
        elif "slots" in table:
            load_search(tmp_path / block.title)
        else:
            load_therapy(tmp_path / block.title)


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs/generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=name)
def test_generated_parts_are_current(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert generator().fill(text) == text, "run `make docs`"


def test_every_parameter_is_in_an_equation() -> None:
    words = set(re.findall(r"\w+", (ROOT / "docs/model.md").read_text(encoding="utf-8")))
    assert set(PARAMETERS) - words == set()


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    heads = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_resolve(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'(?:src|href)="([^"]+)"', text)
    broken = []
    for target in targets:
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        if not found.exists() or not found.is_relative_to(ROOT):
            broken.append(target)
        elif anchor and anchor not in anchors(found):
            broken.append(target)
    assert broken == []


def test_make_targets_that_are_named_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))
    named = {
        target
        for page in PAGES
        for target in re.findall(r"(?:`|^    )make ([a-z]+)", page.read_text("utf-8"), re.M)
    }
    assert named - targets == set()


def test_commands_that_are_named_exist() -> None:
    helped = run(["cohort", "--help"], ROOT)
    named = {
        command
        for page in PAGES
        for command in re.findall(r"`cohort ([a-z]+)", page.read_text(encoding="utf-8"))
    }
    assert {command for command in named if not re.search(rf"\b{command}\b", helped)} == set()


def test_changelog_has_a_place_for_changed_results() -> None:
    assert "### Changes simulated results" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_versions_agree() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f"version: {version}" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"## {version}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
