"""The one table of outcomes: what a visit can hold, in which unit, and what was published of it.

Everything that names an outcome (the simulator's columns, the Parquet schema, the summary, the
comparison with published trials, `cohort list outcomes`) reads this table and nothing else. A new
outcome is one new row here.

A change is in percent of the same person's baseline. `measured_<name>` is the same quantity as an
instrument would have read it, with assay or DXA error; a change's measured version is computed
from measured values, the baseline's error included.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from types import MappingProxyType

from cohort.errors import BadInput, did_you_mean

MEASURED = "measured_"
"""What precedes the name of an outcome as an instrument reads it."""

CHANGE = "_change"
"""What follows the name of an outcome as percent change from baseline."""

FRACTURE = "fracture_"
"""What precedes the name of a kind of fracture in the column that counts it."""

FRACTURE_RISK = "fracture_risk_"
"""What precedes it in the column that holds its probability."""

PLANNED = "planned"
"""What a course of treatment is called in which nothing was changed."""

SITES = MappingProxyType(
    {"LS": "lumbar_spine", "TH": "total_hip", "FN": "femoral_neck"},
)
"""The DXA sites: code in tables of published results -> word in column names."""

_COMPARTMENTS = ("trabecular", "cortical")


@dataclass(frozen=True)
class Outcome:
    """One quantity that a visit can hold.

    Attributes:
        name: column in `visits`.
        unit: unit of the column; `1` for a relative quantity.
        description: one sentence, as it goes into the Arrow field's metadata.
        site: `lumbar_spine`, `total_hip`, `femoral_neck`, or None.
        measured: whether `measured_<name>` exists, as an instrument would read it.
        published: endpoint and site code under which trials publish it, or None.
        extra: written only where a study lists it under `outputs.extra`.
        fracture: written only where a study asks for fractures (`outputs.fractures`).
    """

    name: str
    unit: str
    description: str
    site: str | None = None
    measured: bool = False
    published: tuple[str, str | None] | None = None
    extra: bool = False
    fracture: bool = False

    @property
    def is_change(self) -> bool:
        """Whether this is a percent change from baseline."""
        return self.name.endswith(CHANGE)

    @property
    def base_name(self) -> str:
        """The outcome of which this is the change; its own name where it is no change."""
        return self.name.removesuffix(CHANGE)


def _change(base: Outcome, endpoint: str, code: str | None) -> Outcome:
    """Return the percent change of an outcome, under the endpoint that trials publish."""
    return replace(
        base,
        name=base.name + CHANGE,
        unit="%",
        description=f"{base.description}: percent change from the same person's baseline",
        published=(endpoint, code),
    )


def _bone_mineral_density() -> Iterable[Outcome]:
    for code, site in SITES.items():
        words = site.replace("_", " ")
        density = Outcome(
            f"bmd_{site}", "g/cm2", f"Areal bone mineral density by DXA, {words}", site, True
        )
        yield density
        yield _change(density, "BMD", code)
    for code, site in SITES.items():
        yield Outcome(
            f"t_score_{site}",
            "1",
            f"T-score, {site.replace('_', ' ')}: SDs from the young-adult reference mean",
            site,
            True,
            ("T_score", code),
        )


def _turnover_markers() -> Iterable[Outcome]:
    for name, unit, words in (
        ("ctx", "ng/mL", "Serum C-terminal telopeptide of type I collagen (bone resorption)"),
        ("p1np", "ng/mL", "Serum procollagen type I N-propeptide (bone formation)"),
        ("bsap", "ug/L", "Serum bone-specific alkaline phosphatase (bone formation)"),
    ):
        marker = Outcome(name, unit, words, measured=True)
        yield marker
        yield _change(marker, name.upper(), None)


def _hormones() -> Iterable[Outcome]:
    for name, unit, words, endpoint in (
        ("estradiol", "pg/mL", "Serum estradiol", "estradiol"),
        ("testosterone", "ng/dL", "Serum total testosterone", "testosterone"),
        ("igf1", "ng/mL", "Serum insulin-like growth factor 1", "IGF1"),
        ("pth", "pg/mL", "Serum intact parathyroid hormone", "PTH"),
    ):
        yield Outcome(name, unit, words, measured=True, published=(endpoint, None))
    yield Outcome(
        "sclerostin", "1", "Free sclerostin signal in bone, relative to a healthy 35-year-old"
    )
    for name, unit, words in (
        ("testosterone_free", "pg/mL", "Serum free testosterone, by mass action"),
        ("shbg", "nmol/L", "Serum sex hormone-binding globulin"),
        ("lh", "IU/L", "Serum luteinizing hormone"),
        ("progesterone", "ng/mL", "Serum progesterone, mean over a cycle before menopause"),
        ("calcium", "mmol/L", "Serum calcium"),
    ):
        endpoint = ("bioavailable_testosterone", None) if name == "testosterone_free" else None
        yield Outcome(name, unit, words, measured=True, published=endpoint, extra=True)
    for name, words in (
        ("tnf_alpha", "Serum TNF-alpha, relative to a healthy 35-year-old"),
        ("il_6", "Serum interleukin 6, relative to a healthy 35-year-old"),
        ("growth_hormone", "Growth hormone, mean of a day, relative to a healthy 35-year-old"),
        ("gh_pulse", "Size of growth-hormone pulses, relative to a healthy 35-year-old"),
        ("lean_mass", "Lean mass, relative to a healthy 35-year-old of the same sex"),
        ("fall_rate", "Falls per year, relative to a healthy person of 65"),
    ):
        yield Outcome(name, "1", words, extra=True)


def _on_request() -> Iterable[Outcome]:
    """Cells and signals that a study must ask for by name."""
    relative = "relative to a healthy 35-year-old"
    for name, words in (
        ("osteoclast_precursors", "Osteoclast precursors"),
        ("osteoclasts", "Active osteoclasts"),
        ("osteoblast_precursors", "Osteoblast precursors"),
        ("osteoblasts", "Active osteoblasts"),
        ("osteocytes", "Osteocytes"),
        ("rankl_opg", "Free RANKL over OPG"),
        ("rank_occupancy", "Occupancy of RANK on osteoclast precursors"),
        ("wnt", "Wnt signal in the osteoblast lineage"),
        ("resorption", "Bone resorption rate of trabecular surfaces"),
        ("formation", "Bone formation rate of trabecular surfaces at the lumbar spine"),
    ):
        yield Outcome(name, "1", f"{words}, {relative}", extra=True)
    for site in SITES.values():
        for compartment in _COMPARTMENTS:
            yield Outcome(
                f"matrix_{site}_{compartment}",
                "1",
                f"Bone matrix volume, {site.replace('_', ' ')}, {compartment} compartment, "
                f"{relative}",
                site,
                extra=True,
            )


def _fractures() -> Iterable[Outcome]:
    """Fractures, as events and as a probability."""
    for name, words in (
        ("vertebral", "new morphometric vertebral fracture"),
        ("hip", "hip fracture"),
        ("nonvertebral", "non-vertebral fracture, those of the hip included"),
    ):
        counted = f"Number of events since the last visit: {words}"
        yield Outcome(FRACTURE + name, "1", counted, fracture=True)
        probable = f"Probability of a first event since baseline, for who stays: {words}"
        yield Outcome(FRACTURE_RISK + name, "%", probable, fracture=True)


OUTCOMES: tuple[Outcome, ...] = (
    *_bone_mineral_density(),
    *_turnover_markers(),
    *_hormones(),
    *_on_request(),
    *_fractures(),
)
"""Every outcome, in the order of the columns."""

BY_NAME = MappingProxyType({outcome.name: outcome for outcome in OUTCOMES})
"""Outcomes by column name, `measured_` columns left out."""

BY_PUBLISHED = MappingProxyType({o.published: o for o in OUTCOMES if o.published is not None})
"""Outcomes by (endpoint, site code) of a published table."""


def outcome(name: str) -> Outcome:
    """Return the outcome behind a column, `measured_` or not.

    Args:
        name: a column of `visits`, such as `ctx_change` or `measured_bmd_total_hip`.

    Raises:
        BadInput: no such outcome, or it has no measured version.

    >>> outcome("measured_ctx_change").unit
    '%'
    """
    bare = name.removeprefix(MEASURED)
    found = BY_NAME.get(bare)
    if found is None:
        raise BadInput(
            f"unknown outcome '{name}'; `cohort list outcomes` lists them."
            + did_you_mean(bare, BY_NAME)
        )
    if bare != name and not found.measured:
        raise BadInput(f"outcome '{bare}' has no measured version; use '{bare}' itself.")
    return found


def visit_columns(
    extra: Iterable[str] = (), *, measured: bool = True, fractures: bool = False
) -> tuple[str, ...]:
    """Return the outcome columns of a run, in the order in which they are written.

    Args:
        extra: outcomes that the study asks for beyond the standard ones (`outputs.extra`).
        measured: whether measurement error is simulated, hence `measured_` columns written.
        fractures: whether fractures are simulated (`outputs.fractures`).

    Raises:
        BadInput: an extra is not an outcome.
    """
    wanted = {outcome(name).name for name in extra}
    columns: list[str] = []
    for item in OUTCOMES:
        if (item.extra and item.name not in wanted) or (item.fracture and not fractures):
            continue
        columns.append(item.name)
        if item.measured and measured:
            columns.append(MEASURED + item.name)
    return tuple(columns)
