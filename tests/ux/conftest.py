"""Commands of the command line, run in this process and, where asked for, without the model."""

from __future__ import annotations

from pathlib import Path

import pytest
from pretend_simulator import PretendSimulator, Run

from cohort.api import runs
from cohort.cli import main


@pytest.fixture(autouse=True)
def _words_only(undrawn: None) -> None:
    """Leave figures blank: these tests read words."""


@pytest.fixture
def cohort(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process; return exit code, stdout and stderr."""

    def run(*words: str) -> tuple[int, str, str]:
        code = main(words)
        out, err = capsys.readouterr()
        return code, out, err

    return run


@pytest.fixture
def pretended(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Put a closed-form simulator in place of the model, in an empty working folder."""
    monkeypatch.setattr(
        runs, "simulator_factory", lambda study, device, drawn: lambda: PretendSimulator(study)
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path
