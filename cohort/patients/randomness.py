"""Random numbers by address: a seed, a stream's name and a patient's id give the numbers.

Nothing is consumed, so a patient's draws depend neither on the block she is computed in nor on what
was drawn before. The stream's key is a BLAKE2b digest of seed and name; the patient's is that key
with the two words of her id folded in (Threefry, Salmon et al. 2011, 10.1145/2063384.2063405).
Draws are float32 whatever the precision of the run, so that both precisions see the same people.
"""

from __future__ import annotations

import hashlib
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from jaxtyping import Array, Float32, UInt32

from cohort.stored import Stored
from cohort.tile import TILE

Ids = npt.NDArray[np.int64]

# Numbers per patient are drawn in multiples of this, so that streams share a compiled program; what
# was asked for does not depend on how many more are drawn.
_TOGETHER = 4


def stream_key(seed: int, stream: str) -> npt.NDArray[np.uint32]:
    """Return the key of a stream, two words; every whole number is a seed, 0 too.

    Args:
        seed: the run's seed.
        stream: name of what the numbers are for, such as `patients` or `dxa`.
    """
    digest = hashlib.blake2b(f"{seed}/{stream}".encode(), digest_size=8).digest()
    return np.frombuffer(digest, dtype="<u4").astype(np.uint32)


def id_words(ids: Ids) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint32]]:
    """Split patient ids into their high and low 32-bit words."""
    wide = np.asarray(ids, dtype=np.int64).view(np.uint64)
    return (wide >> np.uint64(32)).astype(np.uint32), wide.astype(np.uint32)


def patient_keys(
    key: UInt32[Array, " 2"], high: UInt32[Array, " patient"], low: UInt32[Array, " patient"]
) -> Array:
    """Return one key per patient, for use inside a compiled function.

    Args:
        key: from `stream_key`.
        high: high words of the ids.
        low: low words of the ids.
    """
    root = jax.random.wrap_key_data(key, impl="threefry2x32")

    def of_patient(h: Array, w: Array) -> Array:
        return jax.random.fold_in(jax.random.fold_in(root, h), w)

    return jax.vmap(of_patient)(high, low)


def normals(keys: Array, count: int) -> Float32[Array, "count patient"]:
    """Return `count` standard normals for each key."""
    draw = partial(jax.random.normal, shape=(count,), dtype=jnp.float32)
    return jax.vmap(draw, out_axes=1)(keys)


def stream_normals(
    key: UInt32[Array, " 2"],
    high: UInt32[Array, " patient"],
    low: UInt32[Array, " patient"],
    count: int,
) -> Float32[Array, "count patient"]:
    """Return standard normals inside a compiled function.

    Args:
        key: from `stream_key`.
        high: high words of the ids, from `id_words`.
        low: low words of the ids.
        count: how many per patient (static).
    """
    return normals(patient_keys(key, high, low), count)


def stream_uniforms(
    key: UInt32[Array, " 2"],
    high: UInt32[Array, " patient"],
    low: UInt32[Array, " patient"],
    count: int,
) -> Float32[Array, "count patient"]:
    """Return uniforms on [0, 1) inside a compiled function; arguments as `stream_normals`."""
    draw = partial(jax.random.uniform, shape=(count,), dtype=jnp.float32)
    return jax.vmap(draw, out_axes=1)(patient_keys(key, high, low))


_NORMALS = Stored(stream_normals, static=["count"])
_UNIFORMS = Stored(stream_uniforms, static=["count"])


def standard_normals(
    seed: int, stream: str, ids: Ids, count: int
) -> Float32[np.ndarray, "count patient"]:
    """Return standard normals of a stream: patient `i`'s column depends on seed, stream and `i`.

    Args:
        seed: the run's seed.
        stream: name of what the numbers are for.
        ids: patients, `(patient,)`, any number and order.
        count: how many per patient.
    """
    return _by_tiles(_NORMALS, seed, stream, ids, count)


def uniforms(seed: int, stream: str, ids: Ids, count: int) -> Float32[np.ndarray, "count patient"]:
    """Return uniforms on [0, 1) of a stream; arguments as `standard_normals`."""
    return _by_tiles(_UNIFORMS, seed, stream, ids, count)


def _by_tiles(draw, seed: int, stream: str, ids: Ids, count: int) -> npt.NDArray[np.float32]:
    key = stream_key(seed, stream)
    room = -(-count // _TOGETHER) * _TOGETHER
    # Cut and joined by NumPy, since JAX would compile a program for each length.
    drawn = [np.asarray(draw(key, *id_words(tile), room))[:, :used] for tile, used in tiles(ids)]
    return np.concatenate([np.zeros((room, 0), np.float32), *drawn], axis=1)[:count]


def tiles(ids: Ids) -> list[tuple[Ids, int]]:
    """Cut ids into tiles of exactly `TILE`, the last filled up with its last id.

    Returns:
        Each tile, with how many of its ids are wanted.
    """
    ids = np.asarray(ids, dtype=np.int64)
    cut = [ids[start : start + TILE] for start in range(0, ids.size, TILE)]
    return [(np.pad(part, (0, TILE - part.size), mode="edge"), part.size) for part in cut]
