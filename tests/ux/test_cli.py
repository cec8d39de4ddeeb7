"""The command line: it answers at once, keeps its exit codes, and tells every mistake in a line."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from bad_input_case import BASE, BadInputCase, arrange
from bad_inputs import BAD_INPUTS
from pretend_simulator import Run

from cohort.api import device, runs
from cohort.cli import catalog
from cohort.cli.progress import duration, progress_bar, words_for
from cohort.errors import MachineFailure, TooManyFailed
from cohort.execute.progress import Advanced, Compiling, silent

HEAVY = ("jax", "jaxlib", "pandas", "matplotlib", "pint", "scipy", "pyarrow")


def in_a_process(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cohort", *words],
        capture_output=True,
        text=True,
        env=os.environ | more,
        check=False,
    )


LOADED = """
import json, sys
from cohort.cli import main
code = main(json.loads(sys.argv[1]))
print("|".join([str(code), *(m for m in json.loads(sys.argv[2]) if m in sys.modules)]))
"""


@pytest.mark.parametrize(
    "words", [["--help"], ["run", "--help"], ["list"], ["list", "studies"], ["list", "therapies"]]
)
def test_light_commands_load_nothing_heavy(words: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADED, json.dumps(words), json.dumps(HEAVY)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "0"


@pytest.mark.parametrize("words", [["--help"], ["list"]])
def test_light_commands_answer_at_once(words: list[str]) -> None:
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        assert in_a_process(*words).returncode == 0
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.9


def test_python_dash_m_is_the_same_command() -> None:
    done = in_a_process("list")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[1].startswith("studies")


def test_help_lists_every_command(cohort: Run) -> None:
    code, out, _ = cohort("--help")
    assert code == 0
    for name in ("run", "list", "show", "report", "population", "compare", "resume", "doctor"):
        assert re.search(rf"^\s*{name} ", out, re.MULTILINE), name


def test_version(cohort: Run) -> None:
    code, out, _ = cohort("--version")
    assert (code, out.split()[0]) == (0, "cohort")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["rnu", "freedom"], "Did you mean 'run'?"),
        (["run", "freedom", "--pateints", "5"], "Did you mean '--patients'?"),
        (["run", "freedom", "--device", "gppu"], "'auto', 'cpu', 'gpu'"),
        (["run", "freedom", "--accuracy", "best"], "'draft', 'default', 'high'"),
        (["run", "freedom", "--seed", "one"], "--seed"),
        (["run"], "missing argument"),
        (["run", "freedom", "--out"], "requires an argument"),
        (["run", "fredom"], "Did you mean 'freedom'?"),
        (["run", "freedom", "--patients", "0"], "--patients: found 0"),
        (["run", "freedom", "--seed", "-1"], "--seed: found -1"),
        (["run", "freedom", "--shard", "3/2"], "--shard is '3/2'"),
        (["run", "freedom", "--workers", "0"], "--workers is 0"),
        (["list", "studis"], "Did you mean 'studies'?"),
        (["show", "denosumap"], "Did you mean 'denosumab'?"),
        (["compare", "fredom"], "Did you mean 'freedom'?"),
        (["compare", "freedom", "--patients", "-1"], "--patients: found -1"),
        (["report", "."], "not a results folder"),
        (["resume", "nowhere"], "not a results folder"),
        (["population", "early_postmenopause"], "Did you mean 'early_postmenopausal'?"),
        (["population", "early_postmenopausal", "--patients", "0"], "at least 1"),
    ],
)
def test_mistakes_on_the_command_line(
    words: list[str], sentence: str, cohort: Run, pretended: Path
) -> None:
    code, out, err = cohort(*words)
    assert code == 2
    assert out == ""
    assert sentence in err
    assert all(line.startswith("error: ") for line in err.splitlines())
    assert len(err.splitlines()) == 1
    assert list(pretended.iterdir()) == []


@pytest.mark.parametrize("case", BAD_INPUTS, ids=lambda case: case.id)
def test_bad_study_is_told_and_nothing_is_written(
    case: BadInputCase, cohort: Run, pretended: Path
) -> None:
    study, overrides = arrange(case, pretended)
    before = {path: path.stat().st_mtime_ns for path in pretended.rglob("*")}
    code, out, err = cohort("run", study, *(f"--config={text}" for text in overrides))
    assert code == 2, err
    assert out == ""
    assert err.splitlines()
    assert all(line.startswith("error: ") for line in err.splitlines())
    assert "Traceback" not in err
    assert {path: path.stat().st_mtime_ns for path in pretended.rglob("*")} == before


def test_bad_study_in_a_process_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(BASE.replace("60 mg sc", "60 mL skin").replace("[0, 6,", "[0, 0,"))
    done = in_a_process("run", str(path), "--out", str(tmp_path / "out"))
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 3
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == [path]


def test_run_of_a_replica_ends_in_its_table(cohort: Run, pretended: Path) -> None:
    code, out, err = cohort("run", "freedom", "--patients", "50")
    folder = Path("results/freedom-0")
    assert (code, err) == (0, "")
    assert re.search(r"denosumab\s+BMD LS\s+36\s+baseline\s+\+9\.4\s+\+\d\.\d", out)
    assert f"report: {folder / 'report.html'}" in out
    sentence = "population.baseline.age: published mean 99, reached 80."
    assert f"note: {sentence}" in out
    assert sentence in (folder / "report.html").read_text()
    assert json.loads((folder / "manifest.json").read_text())["notes"] == [sentence]
    for name in ("manifest.json", "patients.parquet", "summary.parquet", "report.html"):
        assert (folder / name).is_file(), name


def test_run_again_is_complete_and_another_run_is_refused(cohort: Run, pretended: Path) -> None:
    words = ("run", "freedom", "--patients", "20", "--out", "here", "--quiet")
    assert cohort(*words)[:2] == (0, "")
    part = next(Path("here").rglob("part-*.parquet"))
    before = part.stat().st_mtime_ns
    assert cohort(*words)[0] == 0
    assert part.stat().st_mtime_ns == before
    code, _, err = cohort(*words, "--seed", "1")
    assert code == 2
    assert "--overwrite" in err
    assert cohort(*words, "--seed", "1", "--overwrite")[0] == 0
    assert part.stat().st_mtime_ns != before


def test_json_is_all_that_stdout_holds(cohort: Run, pretended: Path) -> None:
    code, out, _ = cohort("run", "freedom", "--patients", "20", "--json")
    told = json.loads(out)
    assert code == 0
    assert told["name"] == "freedom"
    assert told["counts"]["patients"] == 40
    assert {"row_id", "observed", "predicted"} <= told["comparison"][0].keys()
    for words in (["list"], ["list", "outcomes"], ["show", "freedom"], ["show", "bE"]):
        assert json.loads(cohort(*words, "--json")[1])


def test_dry_run_tells_the_size_and_writes_nothing(cohort: Run, pretended: Path) -> None:
    code, out, _ = cohort("run", "freedom", "--patients", "1000000", "--dry-run")
    assert code == 0
    assert "2,000,000 patients" in out
    told = json.loads(cohort("run", "freedom", "--dry-run", "--json")[1])
    assert told["valid"] is True
    assert list(pretended.iterdir()) == []


def test_own_study_ends_in_its_changes(cohort: Run, pretended: Path) -> None:
    Path("own.toml").write_text(BASE)
    code, out, _ = cohort("run", "own.toml", "--seed", "7")
    assert code == 0
    assert "mean change %" in out
    assert Path("results/own_study-7/report.html").is_file()


def test_shards_are_merged_by_resume(cohort: Run, pretended: Path) -> None:
    words = ("run", "freedom", "--patients", "17000", "--out", "shared", "--quiet")
    for share in ("1/2", "2/2"):
        assert cohort(*words, "--shard", share)[0] == 0
    assert not Path("shared/report.html").exists()
    assert cohort("resume", "shared", "--quiet")[0] == 0
    assert Path("shared/report.html").is_file()


def test_report_is_remade_without_simulating(
    cohort: Run, pretended: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cohort("run", "freedom", "--patients", "20", "--out", "r", "--quiet")[0] == 0
    Path("r/report.html").unlink()
    monkeypatch.delattr(runs, "simulator_factory")
    assert cohort("report", "r")[0] == 0
    assert Path("r/report.html").is_file()


def test_too_many_failed_is_code_3_and_the_report_is_there(
    cohort: Run, pretended: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulate = runs.simulate

    def failing(*arguments, **options):
        simulate(*arguments, **options)
        raise TooManyFailed("5 of 40 patients have no results.")

    monkeypatch.setattr(runs, "simulate", failing)
    code, _, err = cohort("run", "freedom", "--patients", "20", "--out", "r", "--quiet")
    assert (code, err) == (3, "error: 5 of 40 patients have no results.\n")
    assert Path("r/report.html").is_file()


@pytest.mark.parametrize(
    ("raised", "code", "words"),
    [
        (MachineFailure("No space left."), 4, "error: No space left."),
        (KeyboardInterrupt(), 130, "interrupted"),
        (MemoryError(), 4, "out of memory"),
        (OSError(5, "Input/output error", "disk"), 4, "Input/output error"),
    ],
)
def test_failures_of_the_machine(
    raised: BaseException,
    code: int,
    words: str,
    cohort: Run,
    pretended: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise raised

    monkeypatch.setattr(runs, "simulate", fail)
    found, _, err = cohort("run", "freedom")
    assert found == code
    assert words in err
    assert "Traceback" not in err


def test_compare_prints_errors_and_writes_every_row(cohort: Run, pretended: Path) -> None:
    code, out, err = cohort("compare", "freedom", "arch", "--patients", "20", "--out", "c")
    assert (code, err) == (0, "")
    assert re.search(r"^freedom\s+LS\s+5\s", out, re.MULTILINE)
    assert "by site and marker" in out
    assert re.search(r"^denosumab\s+24$", out, re.MULTILINE)
    assert "Unchecked rows" in out
    tables = {"compare.parquet", "fractures.parquet"}
    assert {path.name for path in Path("c").iterdir()} == tables | {"figures"}
    # Fractures are drawn where they were simulated, which the pretended runs do not.
    assert {path.name for path in Path("c/figures").iterdir()} == {"compare.png", "compare.svg"}
    told = json.loads(cohort("compare", "freedom", "--patients", "20", "--json")[1])
    assert {e["group"] for e in told["Calibration rows"]["by_quantity"]} >= {"LS", "CTX"}


def test_listings_hold_what_is_bundled() -> None:
    for kind, rows in catalog.KINDS.items():
        assert len(rows()) == catalog.COUNTS[kind]() > 0, kind


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("freedom", ("study freedom", "60 mg", "source: Cummings")),
        ("prolia", ("therapy", "RANKL antibody", "source:")),
        ("premenopausal", ("population premenopausal", "source:")),
        ("bE", ("parameter bE", "source:", "bounds:")),
        ("ctx", ("outcome ctx", "ng/mL")),
    ],
)
def test_show_prints_one_thing_with_its_sources(
    name: str, words: tuple[str, ...], cohort: Run
) -> None:
    code, out, _ = cohort("show", name)
    assert code == 0
    assert not [word for word in words if word not in out]


def test_doctor_tells_device_versions_and_cache(
    cohort: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("BONE_COHORT_CACHE", str(tmp_path))
    monkeypatch.delenv("JAX_PLATFORMS", raising=False)
    code, out, err = cohort("doctor", "--device", "cpu")
    assert (code, err) == (0, "")
    for words in ("CPU: ", "float32", "jax ", str(tmp_path), "writable"):
        assert words in out


def test_doctor_is_loud_where_a_gpu_was_asked_for_and_is_not_used() -> None:
    done = in_a_process("doctor", "--device", "gpu", JAX_PLATFORMS="cpu")
    assert done.returncode == 4
    assert "A GPU WAS ASKED FOR AND IS NOT USED" in done.stderr
    assert "CPU: " in done.stdout


def test_a_gpu_that_is_not_there_is_refused(tmp_path: Path) -> None:
    words = ("run", "freedom", "--patients", "4", "--device", "gpu", "--out", str(tmp_path / "r"))
    done = in_a_process(*words, JAX_PLATFORMS="cpu")
    assert done.returncode == 4
    assert done.stderr.startswith("error: a GPU was asked for")
    assert len(done.stderr.splitlines()) == 1


def test_cache_folder_follows_the_users_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(device.CACHE_VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert device.cache_folder().parts[:4] == ("/", "somewhere", "bone-cohort", "jax")
    monkeypatch.setenv(device.CACHE_VARIABLE, "/elsewhere")
    assert device.cache_folder().parent == Path("/elsewhere")


def test_cache_that_cannot_be_written_is_left_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(device.CACHE_VARIABLE, str(tmp_path / "file"))
    assert device.usable_cache() is None


def test_population_is_described_and_written(cohort: Run, tmp_path: Path) -> None:
    words = ("population", "early_postmenopausal", "--patients", "64", "--out", str(tmp_path))
    code, out, _ = cohort(*words)
    assert code == 0
    assert re.search(r"^age\s+years\s+64\s", out, re.MULTILINE)
    assert re.search(r"^accepted\s+64$", out, re.MULTILINE)
    assert (tmp_path / "patients.parquet").is_file()


def test_progress_is_silent_when_piped() -> None:
    with progress_bar("freedom") as progress:
        assert progress is silent


TERMINAL = """
import sys
sys.path.insert(0, sys.argv[1])
from cohort.api import runs
from cohort.cli import main
from pretend_simulator import PretendSimulator
runs.simulator_factory = lambda study, device, drawn: lambda: PretendSimulator(study)
sys.exit(main(["run", "freedom", "--patients", "40", "--out", sys.argv[2]]))
"""


def read_all(terminal: int) -> Iterator[str]:
    """Read a terminal until its other end is closed, which Linux tells as an error."""
    with contextlib.suppress(OSError):
        while piece := os.read(terminal, 65536):
            yield piece.decode(errors="replace")
    os.close(terminal)


def test_a_terminal_gets_a_bar(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", TERMINAL, str(Path(__file__).parent), str(tmp_path / "r")],
        stdout=subprocess.DEVNULL,
        stderr=theirs,
        env=os.environ | {"TERM": "xterm", "COLUMNS": "120"},
    )
    os.close(theirs)
    shown = "".join(read_all(ours))
    assert process.wait() == 0
    assert "freedom" in shown
    assert "done in" in shown


def test_words_beside_the_bar() -> None:
    words = words_for(Advanced(done=500, total=1500, computed=500, seconds=5.0))
    assert words == "500/1,500 · 100 patients/s · 10 s left"
    assert words_for(Compiling("CPU")) == "compiling (once) on CPU"


class Entry:
    """An entry point of another package."""

    name = "calibrate"

    def load(self) -> Callable[[], None]:
        def command() -> None:
            """Fit."""
            print("fitted")

        return command


def test_other_packages_contribute_commands(cohort: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: [Entry()])
    assert cohort("calibrate")[:2] == (0, "fitted\n")
    assert "calibrate" in cohort("--help")[1]
    assert "Did you mean 'calibrate'?" in cohort("calibrat")[2]


@pytest.mark.parametrize(
    ("seconds", "words"), [(8.2, "8 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")]
)
def test_durations_for_people(seconds: float, words: str) -> None:
    assert duration(seconds) == words
