"""Bad schedules: regimens, visits, event tables, and `--config` values."""

from __future__ import annotations

from bad_input_case import EVENTS, TREATMENTS, BadInputCase, config, events, months, regimen

REGIMENS = [
    regimen(
        "unit-of-volume", "60 mL sc every 6 months", "'mL' does not measure", "mass such as mg"
    ),
    regimen("unit-unknown", "60 mgg sc every 6 months", "'mgg' is unknown", "Did you mean 'mg'?"),
    regimen("unit-missing", "60 sc every 6 months", "the amount has no unit", "mass such as mg"),
    regimen("dose-zero", "0 mg sc every 6 months", "amount 0 is not allowed", "above zero"),
    regimen("dose-negative", "-60 mg sc every 6 months", "amount -60 is not allowed", "above zero"),
    regimen("dose-nan", "nan mg sc every 6 months", "amount nan is not allowed", "finite"),
    regimen("dose-inf", "inf mg sc every 6 months", "amount inf is not allowed", "finite"),
    regimen("dose-missing", "sc every 6 months", "does not start with an amount", "60 mg"),
    regimen("route-unknown", "60 mg oral every 6 months", "route 'oral'", "allowed is sc, iv"),
    regimen(
        "frequency-missing", "60 mg sc from 0 to 24", "frequency is missing", "'every 6 months'"
    ),
    regimen(
        "frequency-typo", "60 mg sc evry 6 months", "'evry' is not a freq", "Did you mean 'every'?"
    ),
    regimen("interval-zero", "60 mg sc every 0 months", "'every 0 months'", "must be above zero"),
    regimen("interval-negative", "60 mg sc every -6 months", "'every -6 months'", "above zero"),
    regimen("interval-unit", "60 mg sc every 6 monthes", "'monthes'", "Did you mean 'months'?"),
    regimen(
        "from-after-to", "60 mg sc every 6 months from 24 to 0", "ends at month 0", "before 'to'"
    ),
    regimen("from-equals-to", "60 mg sc daily from 6 to 6", "ends at month 6", "before 'to'"),
    regimen("from-nan", "60 mg sc daily from nan to 6", "'nan' is not finite"),
    regimen("count-zero", "60 mg sc every 6 months x 0", "'x 0' is not a number of doses"),
    regimen("count-too-many", "60 mg sc every 6 months to 12 x 9", "only 2 doses do"),
    regimen("trailing-words", "60 mg sc every 6 months with food", "'with food' is not understood"),
    regimen("far-away", "60 mg sc yearly from -5000 to 0", "more than 960 months from entry"),
    regimen("absurdly-often", "60 mg sc every 1e-6 days", "more than 100000 doses"),
]

VISITS = [
    months("visits-empty", "[]", "the schedule is empty", "[0, 6, 12]"),
    months("visits-negative", "[-6, 0, 6]", "month -6 lies before entry"),
    months("visits-duplicate", "[0, 6, 6, 12]", "month 6 is listed twice"),
    months("visits-unsorted", "[0, 12, 6]", "month 6 follows 12", "rising order"),
    months("visits-overlap", "[0, 6, 6.01]", "months 6 and 6.01 overlap"),
    months("visits-no-baseline", "[6, 12]", "month 0 is missing"),
    months("visits-only-baseline", "[0]", "no visit follows entry"),
    months("visits-nan", "[0, nan]", ".1: found nan; allowed is a finite number"),
    months("visits-too-late", "[0, 5000]", "month 5000 is too late", "up to 960"),
    BadInputCase(
        "visits-text",
        ("visits.months.1: found 'six'; allowed is a number",),
        {"[0, 6, ": '[0, "six", '},
    ),
    BadInputCase(
        "visits-nothing", ("own.toml: visits: holds no schedule",), {"months = [0, 6, 12, 24]": ""}
    ),
    BadInputCase(
        "visits-rhythm-unit",
        ("visits.every: the duration '6 moths'", "Did you mean 'months'?"),
        {"months = [0, 6, 12, 24]": 'every = "6 moths"\nuntil = 24'},
    ),
    BadInputCase(
        "visits-both-ways",
        ("visits.every: stands beside months; give one of them",),
        {"months = [": 'every = "6 months"\nmonths = ['},
    ),
]

CONFIG = [
    config("config-no-equals", "patients", "'patients' is not understood", "key=value"),
    config("config-no-key", "=3", "'=3' is not understood", "key=value"),
    config("config-empty-word", "engine..precision=float64", "is not understood"),
    config(
        "config-unknown-key",
        "engine.precison=float64",
        "engine.precison: the key is unknown",
        "Did you mean 'precision'?",
    ),
    config(
        "config-unknown-arm",
        "arms.plcebo.ratio=2",
        "'plcebo' is not in arms; allowed is denosumab, placebo",
        "Did you mean 'placebo'?",
    ),
    config("config-arm-number", "arms.7.ratio=2", "'7' is not in arms"),
    config("config-inside-value", "seed.x=2", "seed is a single value and holds no 'x'"),
    config("config-not-toml", "visits.months=[0, 6", "the value is not valid TOML"),
    config("config-bad-value", "patients=-5", "patients: found -5; allowed is 1 or more"),
    config(
        "config-bad-dose",
        "arms.denosumab.treatments.0.regimen=60 mL sc daily",
        "--config: arms.denosumab.treatments.0.regimen: the unit 'mL'",
    ),
]

TABLES = [
    events(
        "events-missing-column", "ID,TIME,EVID\n1,0,1\n", "column AMT is missing", "column THERAPY"
    ),
    events(
        "events-unknown-column",
        EVENTS.replace("RATE", "RATES"),
        "column RATES is unknown",
        "Did you mean 'RATE'?",
    ),
    events("events-evid", EVENTS.replace("60,1,1", "60,4,1"), "line 2: EVID is 4; allowed is 0"),
    events(
        "events-unit",
        EVENTS.replace("ROUTE\n", "ROUTE,UNIT\n").replace("sc\n", "sc,mL\n"),
        "line 2: UNIT: the unit 'mL'",
        "mass",
    ),
    events(
        "events-amount",
        EVENTS.replace(",60,", ",-60,"),
        "line 2: AMT is -60; allowed is a dose above 0",
    ),
    events(
        "events-time",
        EVENTS.replace("1,0,60", "1,soon,60"),
        "line 2: TIME is 'soon'; a finite number",
    ),
    events(
        "events-therapy",
        EVENTS.replace("denosumab", "denosumap"),
        "line 2: THERAPY: unknown therapy",
        "Did you mean 'denosumab'?",
    ),
    events(
        "events-route",
        EVENTS.replace(",sc", ",oral"),
        "line 2: the route 'oral'",
        "allowed is sc, iv",
    ),
    events("events-interval", EVENTS.replace("182.625", "0"), "line 2: II is 0 with ADDL 3"),
    events(
        "events-persons", EVENTS + "2,0,60,1,1,0,0,0,0,denosumab,sc\n", "column ID holds 2 persons"
    ),
    events("events-infusion", EVENTS.replace("3,0,0", "3,5,0"), "line 2: RATE is 5; allowed is 0"),
    events(
        "events-steady-state", EVENTS.replace("3,0,0", "3,0,1"), "line 2: SS is 1; allowed is 0"
    ),
    events("events-empty", "ID,TIME,AMT,THERAPY\n", "holds no row"),
    BadInputCase(
        "events-file-missing",
        ("arms.denosumab.events: ", "absent.csv: cannot be read: No such file"),
        {TREATMENTS: 'events = "absent.csv"'},
    ),
]
