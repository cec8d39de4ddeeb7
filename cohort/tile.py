"""How many patients are computed at once: a constant of the engine, never the user's choice."""

TILE = 2048
"""Patients per compiled call. One shape for everybody, so results are the same for any block."""
