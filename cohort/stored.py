"""Functions whose compiled programs are kept, so that a later process neither traces nor compiles.

JAX's own cache spares compiling alone, yet tracing and lowering take longer than the rest of a
small run. Two files lie here for each program:

- the program, by a digest of its text, of its arguments' shapes and types, and of what compiled
  it: the versions of JAX and its compiler, the device, JAX's settings, XLA's flags;
- the way to it without tracing, by a digest of everything that the text follows from: every source
  file of this package, and the shapes, types and static values of the arguments. What a kept
  function computes with must therefore be an argument or stand in the source: nothing that is read
  from a file may be built into it.

`kept` keeps by such a digest what else takes long to make: the machine code of `cohort.fused`.

Each file carries a digest of its content. One that is missing, damaged, or of no use to this
machine is passed over, and what it should hold is made and written anew, complete or not at all.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pickle
import tempfile
from collections.abc import Callable, Hashable, Sequence
from functools import cache, update_wrapper
from importlib.metadata import version
from inspect import signature
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple, TypeVar

import jax
import numpy as np
from jax.core import Tracer
from jax.experimental.serialize_executable import deserialize_and_load, serialize

T = TypeVar("T")

_PACKAGE = Path(__file__).resolve().parent
_DIGEST = 16
_WIDE = "jax_enable_x64"  # may change from call to call, so that it is looked at in each
_ASKED = "jax_platforms"  # how the device came about, which is itself looked at

_folder: Path | None = None


def keep_in(folder: Path | None) -> None:
    """Keep programs in this folder from now on; None keeps none.

    Programs are kept where there is one device only: those of several are told apart by JAX alone.
    """
    global _folder
    _folder = folder if jax.device_count() == 1 else None


class Stored:
    """A compiled function whose programs are kept.

    Attributes:
        jitted: the same function under `jax.jit`: what is called where no program is kept, and
            within other compiled functions.
    """

    def __init__(self, function: Callable, static: Sequence[str] = ()) -> None:
        """Take the function and the names of its static arguments."""
        self.jitted = jax.jit(function, static_argnames=tuple(static))
        self._name = function.__name__
        names = list(signature(function).parameters)
        self._static = frozenset(names.index(name) for name in static)
        self._programs: dict[Hashable, _Program] = {}
        self._lock = Lock()
        update_wrapper(self, function)

    def __call__(self, *arguments: Any) -> Any:
        """Compute."""
        program = self._program(arguments)
        if program is None:
            return self.jitted(*arguments)
        return program.ready(lambda name: self._lowered(name, arguments))(*self._dynamic(arguments))

    def like(self, *arguments: Any) -> Any:
        """Return zeros in the shapes of what a call would return, without computing it."""
        program = self._program(arguments)
        way = None if program is None else program.way
        shapes = self.jitted.eval_shape(*arguments) if way is None else way.shapes
        return jax.tree.map(lambda x: jax.device_put(np.zeros(x.shape, x.dtype)), shapes)

    def _dynamic(self, arguments: Sequence[Any]) -> tuple[Any, ...]:
        return tuple(x for place, x in enumerate(arguments) if place not in self._static)

    def _lowered(self, name: str | None, arguments: Sequence[Any]) -> Any:
        """Return the function lowered for arguments, under a name of its own if one is given."""
        if name is None:
            return self.jitted.lower(*arguments)

        def named(*dynamic: Any) -> Any:
            left = iter(dynamic)
            filled = (x if at in self._static else next(left) for at, x in enumerate(arguments))
            return self.jitted(*filled)

        named.__name__ = name
        return jax.jit(named).lower(*self._dynamic(arguments))

    def _program(self, arguments: Sequence[Any]) -> _Program | None:
        """Return the program for arguments; None where it must be left to JAX."""
        settings: Any = jax.config
        if _folder is None or settings.jax_disable_jit or settings.jax_debug_nans:
            return None
        leaves, tree = jax.tree.flatten(self._dynamic(arguments))
        if any(isinstance(x, Tracer) or not hasattr(x, "dtype") for x in leaves):
            return None
        kinds = tuple((x.shape, x.dtype, getattr(x, "weak_type", False)) for x in leaves)
        static = tuple(arguments[place] for place in sorted(self._static))
        key = _folder, static, tree, kinds, settings.jax_enable_x64, settings.jax_default_device
        with self._lock:
            if key not in self._programs:
                name = self._name
                self._programs[key] = _Program(_folder, name, tree, (static, kinds, *key[4:]))
            return self._programs[key]


def stored(*static: str) -> Callable[[Callable], Stored]:
    """Make a function a `Stored` one; it takes its arguments by place.

    Args:
        static: names of the arguments that are static, as of `jax.jit`.
    """
    return lambda function: Stored(function, static)


def kept(name: str, words: str, make: Callable[[], T]) -> T:
    """Return what was made and kept before, or make and keep it.

    Args:
        name: begins the file's name.
        words: everything that it follows from, beside what programs of JAX follow from: this
            package's source, JAX and its settings, the device.
        make: makes what can be pickled.
    """
    if _folder is None:
        return make()
    settings: Any = jax.config
    key = source_digest(), _circumstances(), settings.jax_enable_x64, words
    path = _folder / f"{name}-{_digest(repr(key))}.kept"
    # Whatever is wrong with a file, it is made anew.
    with contextlib.suppress(Exception):
        return pickle.loads(_read(path))
    made = make()
    # A full disk does not stop a run.
    with contextlib.suppress(Exception):
        _write(path, pickle.dumps(made))
    return made


class _Way(NamedTuple):
    """What there is to know of a program without tracing: its file, and what it returns."""

    file: str
    shapes: Any


class _Program:
    """One program; its way is read at once, itself loaded or compiled when it is first called."""

    def __init__(self, folder: Path, name: str, tree: Any, kind: tuple) -> None:
        """Read the way, if there is one.

        Args:
            folder: in which programs are kept.
            name: of the function.
            tree: structure of its arguments.
            kind: everything else by which calls differ.
        """
        self._folder, self._name, self._kind = folder, name, repr((str(tree), kind))
        words = source_digest(), _circumstances(), name, self._kind
        self._path = folder / f"{name}-{_digest(repr(words))}.way"
        self._inputs = jax.tree.structure((jax.tree.unflatten(tree, [0] * tree.num_leaves), {}))
        self._ready: Callable | None = None
        self._lock = Lock()
        self.way: _Way | None = None
        # Whatever is wrong with a file, it is made anew.
        with contextlib.suppress(Exception):
            self.way = pickle.loads(_read(self._path))

    def ready(self, lower: Callable[[str | None], Any]) -> Callable:
        """Return the program ready to be called.

        Args:
            lower: lowers the function, under a name of its own if it is given one.
        """
        with self._lock:
            if self._ready is None:
                self._ready = self._loaded(self.way) or self._made(lower)
            return self._ready

    def _loaded(self, way: _Way | None) -> Callable | None:
        # Whatever is wrong with a program from a file, it is compiled instead.
        with contextlib.suppress(Exception):
            if way is not None:
                trees = self._inputs, jax.tree.structure(way.shapes)
                return deserialize_and_load(_read(self._folder / way.file), *trees)
        return None

    def _made(self, lower: Callable[[str | None], Any]) -> Callable:
        # A program that JAX's cache has given back cannot be written again. A name that it has
        # never heard makes it compile.
        name = f"{self._name}_{os.urandom(8).hex()}"
        lowered = lower(name)
        text = lowered.as_text().replace(name, self._name)
        # Code outside the program is bound in when JAX lowers, so that it would be missing later.
        if "custom_call" in text:
            return lower(None).compile()
        # The text leaves out arguments that are never read, yet the program minds their shapes.
        file = f"{self._name}-{_digest(_circumstances() + self._kind + text)}.program"
        shapes = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), lowered.out_info)
        self.way = _Way(file, shapes)
        # Other sources, yet the same program.
        found = self._loaded(self.way)
        made: Any = lowered.compile() if found is None else found
        # Neither a full disk nor a backend that cannot write its programs stops a run.
        with contextlib.suppress(Exception):
            if found is None:
                _write(self._folder / file, serialize(made)[0])
            _write(self._path, pickle.dumps(self.way))
            settings: Any = jax.config
            for unwanted in Path(settings.jax_compilation_cache_dir or "").glob(f"jit_{name}-*"):
                unwanted.unlink()
        return made


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=_DIGEST).hexdigest()


@cache
def source_digest(package: Path = _PACKAGE) -> str:
    """Return the digest of every source file of a package, names included."""
    found = hashlib.blake2b(digest_size=_DIGEST)
    for path in sorted(package.rglob("*.py")):
        content = path.read_bytes()
        found.update(f"{path.relative_to(package).as_posix()} {len(content)}\n".encode())
        found.update(content)
    return found.hexdigest()


@cache
def _circumstances() -> str:
    """Return the digest of everything but the program that decides what it is compiled to."""
    device = jax.devices()[0]
    flags = {name: value for name, value in os.environ.items() if "XLA" in name}
    words = (
        jax.__version__,
        version("jaxlib"),
        device.client.platform_version,
        device.platform,
        device.device_kind,
        sorted(flags.items()),
        sorted(f"{k}={v}" for k, v in jax.config.values.items() if k not in (_WIDE, _ASKED)),
    )
    return _digest(repr(words))


def _read(path: Path) -> bytes:
    """Return what was written to a file.

    Raises:
        OSError: it cannot be read.
        ValueError: it holds something else.
    """
    content = path.read_bytes()
    digest, body = content[:_DIGEST], content[_DIGEST:]
    if hashlib.blake2b(body, digest_size=_DIGEST).digest() != digest:
        raise ValueError(f"{path} is damaged")
    return body


def _write(path: Path, body: bytes) -> None:
    """Write a file, complete or not at all, whoever else writes it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        file = Path(folder, path.name)
        file.write_bytes(hashlib.blake2b(body, digest_size=_DIGEST).digest() + body)
        file.replace(path)
