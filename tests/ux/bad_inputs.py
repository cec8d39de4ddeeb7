"""The whole table of bad inputs."""

from __future__ import annotations

from bad_input_case import BadInputCase
from bad_schedules import CONFIG, REGIMENS, TABLES, VISITS
from bad_studies import ARMS, FILES, POPULATION, SETTINGS, SHAPE

BAD_INPUTS: list[BadInputCase] = [
    *FILES,
    *SHAPE,
    *ARMS,
    *REGIMENS,
    *VISITS,
    *POPULATION,
    *SETTINGS,
    *CONFIG,
    *TABLES,
]
"""Every bad input."""
