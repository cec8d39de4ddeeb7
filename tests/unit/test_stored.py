"""Programs that are kept on disk: found again, never trusted, never mistaken for another."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cohort import stored
from cohort.stored import Stored, keep_in, source_digest


class Answer(NamedTuple):
    total: Any
    parts: dict[str, Any]


class Traced:
    """A function that counts how often it is traced."""

    def __init__(self) -> None:
        self.times = 0

    def function(self) -> Stored:
        """A new `Stored`, as another process would make."""

        def answer(x: Any, pair: tuple, power: int) -> Answer:
            self.times += 1
            return Answer(jnp.sum(x**power) + pair[0], {"sine": jnp.sin(x), "other": pair[1] * x})

        return Stored(answer, static=["power"])


X = np.linspace(0.0, 1.0, 5, dtype=np.float32)
PAIR = (np.float32(1.0), np.float32(2.0))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(stored, "_folder", None)
    keep_in(tmp_path / "programs")
    return tmp_path / "programs"


@pytest.fixture
def traced() -> Traced:
    return Traced()


def files(folder: Path, kind: str = "program") -> list[Path]:
    return sorted(folder.glob(f"*.{kind}"))


def same(one: Any, other: Any) -> bool:
    assert jax.tree.structure(one) == jax.tree.structure(other)
    return all(map(np.array_equal, jax.tree.leaves(one), jax.tree.leaves(other)))


def test_a_second_process_traces_nothing_and_gets_the_same_bits(
    folder: Path, traced: Traced
) -> None:
    bare = traced.function().jitted(X, PAIR, 3)
    first = traced.function()(X, PAIR, 3)
    times = traced.times
    again = traced.function()
    assert same(again.like(X, PAIR, 3), jax.tree.map(jnp.zeros_like, bare))
    assert same(again(X, PAIR, 3), first)
    assert same(first, bare)
    assert traced.times == times
    assert len(list(folder.iterdir())) == 2


def test_an_array_of_jax_and_one_of_numpy_are_served_alike(folder: Path, traced: Traced) -> None:
    function = traced.function()
    assert same(function(X, PAIR, 3), function(jax.device_put(X), jax.device_put(PAIR), 3))
    assert len(files(folder, "way")) == 1


@pytest.mark.parametrize(
    "other",
    [
        (X[:4], PAIR, 3),
        (X, PAIR, 2),
        (X.astype(np.int32), PAIR, 3),
        (X, list(PAIR), 3),
    ],
    ids=["shape", "static", "type", "structure"],
)
def test_another_call_is_another_program(folder: Path, traced: Traced, other: tuple) -> None:
    function = traced.function()
    function(X, PAIR, 3)
    expected = traced.function().jitted(*other)
    assert same(function(*other), expected)
    assert same(traced.function()(*other), expected)
    assert len(files(folder, "way")) == 2


def test_another_precision_is_another_program(folder: Path, traced: Traced) -> None:
    function = traced.function()
    function(X, PAIR, 3)
    with jax.enable_x64(True):
        function(X, PAIR, 3)
        assert len(files(folder, "way")) == 2
        wide = function(X.astype(float), PAIR, 3)
    assert wide.parts["sine"].dtype == np.float64
    np.testing.assert_allclose(wide.parts["sine"], np.sin(X.astype(float)), rtol=1e-15)
    assert len(files(folder, "way")) == 3


@pytest.mark.parametrize(
    "circumstance",
    [
        lambda patch: patch.setenv("XLA_FLAGS", "--xla_cpu_enable_fast_math=false"),
        lambda patch: patch.setattr(jax, "__version__", "other"),
    ],
    ids=["flags", "version"],
)
def test_other_circumstances_are_another_program(
    folder: Path,
    traced: Traced,
    monkeypatch: pytest.MonkeyPatch,
    circumstance: Callable[[pytest.MonkeyPatch], None],
) -> None:
    traced.function()(X, PAIR, 3)
    circumstance(monkeypatch)
    stored._circumstances.cache_clear()
    try:
        traced.function()(X, PAIR, 3)
    finally:
        stored._circumstances.cache_clear()
    assert len(files(folder)) == len(files(folder, "way")) == 2


def test_other_sources_are_traced_and_the_same_program_is_not_compiled_twice(
    folder: Path, traced: Traced, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, times = traced.function()(X, PAIR, 3), traced.times
    (program,) = files(folder)
    written = program.stat().st_mtime_ns
    monkeypatch.setattr(stored, "source_digest", lambda: "other")
    assert same(traced.function()(X, PAIR, 3), first)
    assert traced.times > times
    assert files(folder) == [program]
    assert program.stat().st_mtime_ns == written
    assert len(files(folder, "way")) == 2


def test_the_digest_of_sources_sees_every_file_and_its_name(tmp_path: Path) -> None:
    def digest() -> str:
        source_digest.cache_clear()
        return source_digest(tmp_path)

    (tmp_path / "room").mkdir()
    (tmp_path / "one.py").write_text("x = 1\n", encoding="utf-8")
    (tmp_path / "room" / "two.py").write_text("y = 2\n", encoding="utf-8")
    digests = [digest()]
    (tmp_path / "room" / "two.py").write_text("y = 3\n", encoding="utf-8")
    digests.append(digest())
    (tmp_path / "room" / "two.py").rename(tmp_path / "room" / "three.py")
    digests.append(digest())
    (tmp_path / "notes.txt").write_text("no program\n", encoding="utf-8")
    assert digest() == digests[-1]
    assert len(set(digests)) == 3
    source_digest.cache_clear()


@pytest.mark.parametrize("kind", ["program", "way"])
@pytest.mark.parametrize("damage", ["empty", "cut", "changed", "folder"])
def test_a_damaged_file_is_made_anew(folder: Path, traced: Traced, kind: str, damage: str) -> None:
    first = traced.function()(X, PAIR, 3)
    (file,) = files(folder, kind)
    whole = file.read_bytes()
    if damage == "folder":
        file.unlink()
        file.mkdir()
    else:
        changed = whole[:-1] + bytes([whole[-1] ^ 1])
        file.write_bytes({"empty": b"", "cut": whole[:-100], "changed": changed}[damage])
    times = traced.times
    assert same(traced.function()(X, PAIR, 3), first)
    assert traced.times > times
    if damage != "folder":
        times = traced.times
        assert same(traced.function()(X, PAIR, 3), first)
        assert traced.times == times


@pytest.mark.parametrize("kind", ["program", "way"])
def test_a_whole_file_of_another_making_is_passed_over(
    folder: Path, traced: Traced, kind: str
) -> None:
    first = traced.function()(X, PAIR, 3)
    (file,) = files(folder, kind)
    stored._write(file, b"of another machine")
    assert same(traced.function()(X, PAIR, 3), first)


def test_a_folder_that_cannot_be_written_leaves_the_result(
    tmp_path: Path, traced: Traced, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setattr(stored, "_folder", tmp_path / "file" / "programs")
    assert same(traced.function()(X, PAIR, 3), traced.function().jitted(X, PAIR, 3))


def test_what_jax_has_in_its_own_cache_is_kept_all_the_same(tmp_path: Path) -> None:
    """A program that JAX's cache gave back cannot be written again."""
    program = """
import sys, jax, numpy as np
from pathlib import Path
jax.config.update("jax_compilation_cache_dir", sys.argv[1])
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
from cohort import stored
import jax.numpy as jnp
times = []
def many(x):
    times.append(1)
    return jnp.cumsum(jnp.sort(jnp.sin(x) * jnp.argmin(x, axis=0)), axis=0)
made = stored.Stored(many)
stored.keep_in(Path(sys.argv[1], "programs") if sys.argv[2] == "keep" else None)
found = made(np.linspace(0, 1, 5000, dtype=np.float32).reshape(10, 500))
print(np.asarray(found).sum().item(), len(times))
"""
    told = []
    for how in ("without", "keep", "keep"):
        words = [sys.executable, "-c", program, str(tmp_path / "cache"), how]
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        told.append(done.stdout.split())
    sums, times = zip(*told, strict=True)
    assert len(set(sums)) == 1
    assert times == ("1", "1", "0")
    # Of the second process JAX keeps nothing that it could never find again.
    assert len(list((tmp_path / "cache").glob("jit_many*"))) == 1


def test_code_from_outside_the_program_is_left_to_jax(folder: Path) -> None:
    """LAPACK is bound in when JAX lowers a call of it."""
    inverse = Stored(lambda x: jnp.linalg.inv(x))
    found = inverse(np.diag([1.0, 2.0, 4.0]).astype(np.float32))
    np.testing.assert_allclose(found, np.diag([1.0, 0.5, 0.25]), rtol=1e-6)
    assert not folder.exists()


def test_inside_other_compiled_functions_it_is_a_plain_one(folder: Path, traced: Traced) -> None:
    function = traced.function()
    slope = jax.grad(lambda x: function(x, PAIR, 3).total)(X)
    np.testing.assert_allclose(slope, 3 * X**2, rtol=1e-6)
    doubled = jax.vmap(lambda x: function(x, PAIR, 3).parts["other"])(np.stack([X, 2 * X]))
    np.testing.assert_array_equal(doubled, [2 * X, 4 * X])
    assert not folder.exists()


def test_how_a_device_is_asked_for_is_no_matter() -> None:
    """Workers of a cluster are told theirs, and a command finds its own."""
    before = jax.config.values["jax_platforms"]
    digests = set()
    for asked in (None, "cpu"):
        jax.config.update("jax_platforms", asked)
        digests.add(stored._circumstances.__wrapped__())
    jax.config.update("jax_platforms", before)
    assert len(digests) == 1


def test_an_argument_that_is_never_read_may_have_any_shape(folder: Path) -> None:
    """What is compiled is one text for all of its shapes, and not one program."""

    def first(x: Any, unread: Any) -> Any:
        return x + 1.0

    for _ in range(2):  # compiled, then from the files
        kept = Stored(first)
        for length in (3, 7):
            np.testing.assert_array_equal(kept(X, np.zeros(length, np.float32)), X + 1.0)
    assert len(files(folder)) == 2
