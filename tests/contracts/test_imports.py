"""One direction of flow: which room may import which, and who may need JAX."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

BASE = {"cores", "errors", "resources", "tile"}
DECLARATIONS = BASE | {"units", "parameter", "parameter_draws", "therapy"}

# Room of `cohort` -> the rooms and modules it may import from.
FLOW: dict[str, set[str]] = {
    "cores": set(),
    "errors": set(),
    "resources": set(),
    "tile": set(),
    "units": BASE,
    "parameter": BASE,
    "parameter_draws": BASE | {"parameter"},
    "toml_reader": BASE,
    "therapy": BASE | {"units", "toml_reader"},
    "stored": set(),  # compiled programs, kept for the rooms that compute
    "model": BASE | {"parameter"},
    "results": BASE,
    "fused": BASE | {"stored"},  # loops in one kernel, for the rooms that compute
    "peers": BASE | {"fused"},  # published models of other groups, apart from this one
    "fractures": BASE,
    # One formula each for what a person is drawn with and what the equations make of it.
    "patients": DECLARATIONS
    | {"stored", "results.outcomes", "model.endocrine", "model.observables.binding"},
    "trial": DECLARATIONS
    | {"model.parameters", "patients.population", "results.outcomes", "fractures.law"},
    "solve": DECLARATIONS
    | {"stored", "fused", "model", "patients", "trial", "results", "fractures"},
    "execute": DECLARATIONS | {"model.parameters", "patients", "trial", "solve", "results"},
    "analysis": BASE | {"therapy", "results", "fractures"},
    "handover": BASE | {"results"},
    "planning": DECLARATIONS | {"trial", "execute", "results", "analysis"},
    "levers": DECLARATIONS
    | {"model", "patients", "trial", "solve", "execute", "results", "analysis.look"},
    "search": DECLARATIONS | {"model", "patients", "trial", "solve", "execute", "results"},
}
FLOW["api"] = set(FLOW)  # what users call: anything but the command line
CALIBRATION = set(FLOW)  # any room, but not the command line
COMMANDS = ("calibration.command", "calibration.terminal")  # a command of the command line

# The rooms that compute with JAX; every other module is read by commands that answer at once.
WITH_JAX = ("cohort.model", "cohort.solve", "cohort.execute", "cohort.patients")
WITH_JAX += (
    "cohort.stored",
    "cohort.fused",
    "cohort.search.evaluate",
    "cohort.levers.compute",
    "cohort.peers",
)
JAX_FREE_EXCEPTIONS = ("cohort.model.parameters", "cohort.patients.population")
JAX_LIBRARIES = {"jax", "jaxlib", "jaxtyping", "equinox", "diffrax", "optax", "optimistix"}

# Libraries that touch files, terminals or networks: not the equations' business.
IO_LIBRARIES = {
    "builtins",
    "io",
    "logging",
    "os",
    "pathlib",
    "shutil",
    "socket",
    "subprocess",
    "sys",
}
IO_LIBRARIES |= {"matplotlib", "pandas", "pyarrow", "rich", "tomllib", "typer"}


def modules(package: str) -> dict[str, Path]:
    """Every module of a package, by dotted name."""
    found = {}
    for path in sorted((ROOT / package).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


COHORT = modules("cohort")
ALL = COHORT | modules("calibration")


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and dotted name of everything a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} imports relatively"
            source = node.module or ""
            for alias in node.names:
                full = f"{source}.{alias.name}"
                yield node.lineno, full if full in ALL else source


def within(name: str, prefixes: set[str] | tuple[str, ...]) -> bool:
    return any(name == prefix or name.startswith(f"{prefix}.") for prefix in prefixes)


def forbidden(package: str, name: str, path: Path) -> list[str]:
    """Imports of one module that go against the flow."""
    room = name.split(".")[1] if package == "cohort" and "." in name else ""
    if name in COMMANDS:
        allowed = {"cohort", "calibration"}
    elif package == "calibration":
        allowed = {f"cohort.{target}" for target in CALIBRATION} | {"calibration"}
    elif room in FLOW:
        allowed = {f"cohort.{target}" for target in FLOW[room] | {room}}
    else:  # the command line and the package's own face may call anything of `cohort`
        allowed = {"cohort"}
    return [
        f"{path.relative_to(ROOT)}:{line} imports {target}"
        for line, target in imports(path)
        if within(target, ("cohort", "calibration")) and not within(target, allowed)
    ]


@pytest.mark.parametrize("package", ["cohort", "calibration"])
def test_imports_follow_the_flow(package: str) -> None:
    against = [
        line for name, path in modules(package).items() for line in forbidden(package, name, path)
    ]
    assert against == []


def test_every_room_has_its_place_in_the_flow() -> None:
    rooms = {name.split(".")[1] for name in COHORT if "." in name}
    assert rooms - set(FLOW) - {"cli", "__main__"} == set()


def test_equations_do_no_input_or_output() -> None:
    touched = []
    for name, path in COHORT.items():
        if not within(name, ("cohort.model",)) or name == "cohort.model.parameters":
            continue
        touched += [
            f"{name}:{line} imports {target}"
            for line, target in imports(path)
            if target.split(".")[0] in IO_LIBRARIES
        ]
        touched += [
            f"{name}:{node.lineno} calls {node.func.id}"
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in {"open", "print", "input"}
        ]
    assert touched == []


def is_jax_free(name: str) -> bool:
    return name in JAX_FREE_EXCEPTIONS or not within(name, WITH_JAX)


def test_only_the_computing_rooms_import_jax_when_they_load() -> None:
    """Imports inside a function are work that was asked for; those of the module are a toll."""
    needy = []
    for name, path in ALL.items():
        if not is_jax_free(name) or within(name, ("calibration",)):
            continue
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            else:
                continue
            needy += [f"{name} imports {n}" for n in names if n.split(".")[0] in JAX_LIBRARIES]
    assert needy == []


LOADER = """
import importlib, json, sys
loaded_by = {}
for name in json.loads(sys.argv[1]):
    importlib.import_module(name)
    for library in json.loads(sys.argv[2]):
        if library in sys.modules:
            loaded_by.setdefault(library, name)
print(json.dumps(loaded_by))
"""


def libraries_loaded(names: list[str], libraries: list[str]) -> dict[str, str]:
    """Import modules in a fresh interpreter: which library came in, and with which module."""
    done = subprocess.run(
        [sys.executable, "-c", LOADER, json.dumps(names), json.dumps(libraries)],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    return json.loads(done.stdout)


def test_declarations_files_and_results_load_without_jax() -> None:
    names = [n for n in COHORT if is_jax_free(n) and not n.endswith("__main__")]
    assert libraries_loaded(names, ["jax"]) == {}


def test_the_command_line_starts_light() -> None:
    assert libraries_loaded(["cohort.cli"], ["jax", "matplotlib", "pandas", "scipy"]) == {}


def test_every_library_that_is_imported_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    optional = ("bayes", "exchange", "optimize", "adam", "ray")
    lines = [*project["dependencies"], *(line for name in optional for line in extras[name])]
    declared = {re.split(r"[\[<>=~! ]", line)[0] for line in lines}
    declared.add("pydantic_core")  # a part of pydantic
    used = {
        target.split(".")[0]: f"{path.relative_to(ROOT)}:{line}"
        for path in ALL.values()
        for line, target in imports(path)
    }
    ours = {"cohort", "calibration"}
    assert used.keys() - sys.stdlib_module_names - ours - declared == set()


# Absolute paths of somebody's machine, and hosts of package registries.
MACHINE = re.compile(
    r"(?<![\w.~:/$}])/(?:home|root|tmp|work|opt|mnt|Users)/\w|pypi\.org|pythonhosted\.org|npmjs\.(?:org|com)"
)
TEXT = {".py", ".md", ".toml", ".csv", ".cff", ".lock", ".json", ""}


def test_no_file_names_a_machine_or_a_registry() -> None:
    folders = ["cohort", "calibration", "data", "docs", "tests", "benchmarks", ".ci"]
    files = [p for p in ROOT.iterdir() if p.is_file()]
    files += [p for folder in folders for p in (ROOT / folder).rglob("*") if p.is_file()]
    named = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in files
        if path.suffix in TEXT
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if MACHINE.search(line)
    ]
    assert named == []
