"""Write the pages and tables of `docs/` that follow from declarations: `make docs`.

A page is text kept in `docs/` with marked places; what stands between the marks is written here.
The tests compare, so that a declaration cannot change without its page.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import cohort
from benchmarks import speed_tables, tables
from calibration.job.schema import Job
from cohort.levers.schema import Job as SensitivityJob
from cohort.model.parameters import KNOCKOUTS, PARAMETERS, parameter_set
from cohort.planning.schema import PowerJob
from cohort.resources import data_root
from cohort.results.outcomes import OUTCOMES, Outcome
from cohort.search.schema import STUDY_KEYS, Search
from cohort.therapy import LEVELS, therapies
from cohort.trial.study import json_schema

DOCS = Path(__file__).resolve().parent
PACKAGE = Path(cohort.__file__).resolve().parent

Schema = dict[str, Any]


def table(headers: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a Markdown table."""
    heads = list(headers)
    lines = [heads, ["---"] * len(heads), *map(list, rows)]
    return "\n".join("| " + " | ".join(map(_cell, line)) + " |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def parameters() -> str:
    """Every parameter: its value, meaning, prior and what informs it, by part of the model."""
    values = parameter_set().values
    groups: dict[str, list[list[str]]] = {}
    for name, parameter in PARAMETERS.items():
        prior = f"{parameter.prior:g} ({parameter.scale} {parameter.sd:g})"
        groups.setdefault(parameter.group, []).append(
            [
                f"`{name}`",
                f"{values[name]:.4g}",
                "" if parameter.unit == "1" else parameter.unit,
                parameter.doc,
                prior,
                parameter.evidence,
                parameter.source,
            ]
        )
    headers = ("symbol", "value", "unit", "meaning", "prior", "known from", "informed by")
    parts = [f"## {group}\n\n{table(headers, rows)}" for group, rows in groups.items()]
    return "\n\n".join(parts)


def knockouts() -> str:
    """The mechanisms that a study can switch off."""
    rows = ([f"`{name}`", f"`{symbol}`"] for name, symbol in KNOCKOUTS.items())
    return table(("knockout", "sets to zero"), rows)


def outcomes(extra: bool = False, fracture: bool = False) -> str:
    """The columns of `visits`: the standard ones, or those that a study asks for."""
    chosen = (o for o in OUTCOMES if (o.extra, o.fracture) == (extra, fracture))
    rows = (_outcome_row(outcome) for outcome in chosen)
    return table(("column", "unit", "measured", "meaning"), rows)


def _outcome_row(outcome: Outcome) -> list[str]:
    unit = "" if outcome.unit == "1" else outcome.unit
    return [f"`{outcome.name}`", unit, "yes" if outcome.measured else "", outcome.description]


def therapy_table() -> str:
    """The bundled therapies with their label regimen."""
    rows = [
        [f"`{t.name}`", t.drug_class, ", ".join(t.routes), t.regimens[0].sentence, t.evidence]
        for t in therapies().values()
    ]
    return table(("therapy", "class", "routes", "a labelled regimen", "evidence"), rows)


def level_table() -> str:
    """What a therapy of the action `levels` can raise."""
    return table(("level", "meaning"), [[f"`{name}`", words] for name, words in LEVELS.items()])


def study_file() -> str:
    """Every key of a study file, table by table."""
    return keys(json_schema())


def job_file() -> str:
    """Every key of a job file, table by table."""
    return keys(Job.model_json_schema())


def power_file() -> str:
    """Every key of a power file, table by table."""
    return keys(PowerJob.model_json_schema())


def sensitivity_file() -> str:
    """Every key of a sensitivity job, table by table."""
    return keys(SensitivityJob.model_json_schema())


def search_file() -> str:
    """Every key of a search file, table by table, those of a study file left out."""
    schema = Search.model_json_schema()
    own = {key: part for key, part in schema["properties"].items() if key not in STUDY_KEYS}
    return keys(schema | {"properties": own})


def keys(schema: Schema) -> str:
    """Every key that a schema allows, table by table."""
    sections = [_section("Top level", schema)]
    told: dict[str, str] = {}
    for heading, part in _tables(schema, schema, ""):
        if same := told.get(part["title"]):
            sections.append(f"### `{heading}`\n\nThe keys of `{same}`.")
        else:
            told[part["title"]] = heading
            sections.append(_section(f"`{heading}`", part))
    return "\n\n".join(sections)


def _target(schema: Schema, root: Schema) -> tuple[Schema, bool] | None:
    """Return the table that a key holds, itself or by a name, and whether it is a list of them."""
    for option in (schema, *schema.get("anyOf", ())):
        named = option.get("additionalProperties")
        inner = named if isinstance(named, dict) else {}
        for part, many in ((option, False), (inner, False), (option.get("items", {}), True)):
            if "$ref" in part:
                return root["$defs"][part["$ref"].rsplit("/", 1)[1]], many
    return None


def _tables(schema: Schema, root: Schema, prefix: str) -> Iterator[tuple[str, Schema]]:
    """Yield every table within a table, depth first, with its heading in a TOML file."""
    holders: dict[str, list[str]] = {}
    for key, part in schema["properties"].items():
        if found := _target(part, root):
            holders.setdefault(found[0]["title"], []).append(key)
    for keys in holders.values():
        found = _target(schema["properties"][keys[0]], root)
        assert found is not None
        inner, many = found
        path = prefix + (keys[0] if len(keys) == 1 else "*")
        path += ".NAME" if "additionalProperties" in schema["properties"][keys[0]] else ""
        yield f"[[{path}]]" if many else f"[{path}]", inner
        yield from _tables(inner, root, f"{path}.")


def _section(heading: str, schema: Schema) -> str:
    required = schema.get("required", ())
    rows = [
        [f"`{key}`", _kind(part), _default(part, key in required), part.get("description", "")]
        for key, part in schema["properties"].items()
    ]
    body = table(("key", "value", "default", "meaning"), rows)
    return f"### {heading}\n\n{schema.get('description', '')}\n\n{body}"


def _kind(schema: Schema) -> str:
    """Say in words what a key may hold."""
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    if "anyOf" in schema:
        return _kind(next(part for part in schema["anyOf"] if part.get("type") != "null"))
    if "$ref" in schema or schema.get("type") == "object":
        return "table"
    if schema.get("type") == "array":
        inner = _kind(schema.get("items", {}))
        return f"list of {inner}s" if inner in {"table", "number", "text", "integer"} else "list"
    words = {"string": "text", "boolean": "true or false"}
    kind = schema.get("type", "")
    return f"{words.get(kind, kind)}{_range(schema)}"


def _range(schema: Schema) -> str:
    limits = (
        ("minimum", "≥"),
        ("exclusiveMinimum", ">"),
        ("maximum", "≤"),
        ("exclusiveMaximum", "<"),
    )
    told = [f"{sign} {schema[key]:,}" for key, sign in limits if key in schema]
    return f" {', '.join(told)}" if told else ""


def _default(schema: Schema, required: bool) -> str:
    if required:
        return "required"
    value = schema.get("default")
    if value in (None, "", [], {}):
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f'`"{value}"`' if isinstance(value, str) else f"`{value}`"


def variability() -> str:
    """How individuals differ: every effect, its spread and where that comes from."""
    declared = tomllib.loads((data_root() / "variability" / "individual.toml").read_text("utf-8"))
    rows = [
        [f"`{name}`", effect["kind"], f"{effect['omega']:g}", effect["meaning"], effect["source"]]
        for name, effect in declared["effects"].items()
    ]
    return table(("effect", "kind", "SD", "meaning", "source"), rows)


def equations(module: str) -> str:
    """The equations of a module, as its docstring has them (read, not imported)."""
    tree = ast.parse((PACKAGE / f"{module}.py").read_text(encoding="utf-8"))
    blocks: list[str] = []
    for paragraph in (ast.get_docstring(tree) or "").split("\n\n"):
        lines = paragraph.splitlines()
        if all(line.startswith("    ") for line in lines):
            blocks.append("\n".join(line.removeprefix("    ") for line in lines))
    if not blocks:
        raise ValueError(f"{module}.py has no equations in its docstring")
    return "```text\n" + "\n\n".join(blocks) + "\n```"


# What is written between the marks `<!-- name -->` and `<!-- end name -->`, besides the equations
# of a module, `<!-- equations model/wnt -->`.
WRITTEN: dict[str, Callable[[], str]] = {
    "parameters": parameters,
    "knockouts": knockouts,
    "variability": variability,
    "outcomes": outcomes,
    "extra outcomes": lambda: outcomes(extra=True),
    "fracture outcomes": lambda: outcomes(fracture=True),
    "therapies": therapy_table,
    "levels": level_table,
    "study file": study_file,
    "job file": job_file,
    "search file": search_file,
    "sensitivity file": sensitivity_file,
    "power file": power_file,
    **tables.WRITTEN,
    **speed_tables.WRITTEN,
}
MARKED = re.compile(r"<!-- (?P<name>[a-z_/ ]+) -->\n.*?<!-- end (?P=name) -->", re.DOTALL)


def _written(mark: re.Match[str]) -> str:
    name = mark["name"]
    kind, _, module = name.partition(" ")
    block = equations(module) if kind == "equations" else WRITTEN[name]()
    return f"<!-- {name} -->\n\n{block}\n\n<!-- end {name} -->"


def fill(text: str) -> str:
    """Return a page with everything between its marks written anew."""
    return MARKED.sub(_written, text)


def main() -> None:
    """Write every page that has marks."""
    for page in sorted(DOCS.glob("*.md")):
        page.write_text(fill(page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
