"""Bad studies: files that cannot be read, keys, arms, population and settings."""

from __future__ import annotations

from bad_input_case import REGIMEN, BadInputCase, edit

FILES = [
    BadInputCase("no-such-name", ("'freedum'", "cohort list studies"), study="freedum"),
    BadInputCase("no-such-file", ("there is no such file",), study="FOLDER/absent.toml"),
    BadInputCase(
        "near-file", ("no such file", "Did you mean", "own.toml"), study="FOLDER/owm.toml"
    ),
    BadInputCase("folder-instead", ("cannot be read: Is a directory",), study="FOLDER"),
    BadInputCase(
        "not-toml", ("own.toml: is not valid TOML", "line 2"), raw=b'name = "x"\nseed 3\n'
    ),
    BadInputCase("not-utf8", ("own.toml: is not text in UTF-8 (byte 8)",), raw=b'name = "\xff"\n'),
    BadInputCase("empty-file", ("name: the key is missing", "arms: the key is missing"), raw=b""),
]

SHAPE = [
    edit(
        "unknown-key",
        "patients = 100",
        "patient = 100",
        "own.toml: patient: the key is unknown; allowed is name,",
        "Did you mean 'patients'?",
    ),
    edit(
        "unknown-table",
        "[visits]",
        "[visit]",
        "own.toml: visit: the key is unknown",
        "Did you mean 'visits'?",
    ),
    edit(
        "unknown-arm-key",
        "role =",
        "roll =",
        "arms.placebo.roll: the key is unknown",
        "Did you mean 'role'?",
    ),
    edit(
        "unknown-treatment-key",
        'regimen = "60 mg sc every 6 months from 0 to 24"',
        'regime = "60 mg sc every 6 months from 0 to 24"',
        "arms.denosumab.treatments.0.regime: the key is unknown",
        "Did you mean 'regimen'?",
    ),
    edit(
        "unknown-site",
        "lumbar_spine",
        "lumber_spine",
        "measurement.dxa_cv.lumber_spine",
        "lumbar_spine, total_hip, femoral_neck",
        "Did you mean",
    ),
    edit(
        "unknown-baseline",
        "age = {",
        "aeg = {",
        "population.baseline.aeg: the key is unknown",
        "Did you mean 'age'?",
    ),
    edit("bad-sd", "sd = 5", "sd = -5", "population.baseline.age.sd: found -5; allowed is above 0"),
    edit(
        "implausible-age",
        "mean = 70",
        "mean = 700",
        "population.baseline.age.mean: found 700; allowed is 18 to 110 (years)",
    ),
    edit(
        "name-with-slash",
        '"own_study"',
        '"a/b"',
        "own.toml: name: found 'a/b'; allowed is letters, digits",
    ),
    edit("name-missing", 'name = "own_study"', "", "own.toml: name: the key is missing"),
    edit(
        "design-unknown",
        "seed = 3",
        'seed = 3\ndesign = "pared"',
        "own.toml: design: found 'pared'; allowed is paired or randomised",
        "Did you mean 'paired'?",
    ),
    edit("patients-zero", "= 100", "= 0", "patients: found 0; allowed is 1 or more"),
    edit("patients-text", "= 100", '= "many"', "patients: found 'many'; allowed is a whole number"),
    edit("patients-half", "= 100", "= 1.5", "patients: found 1.5; allowed is a whole number"),
    edit("seed-negative", "seed = 3", "seed = -1", "seed: found -1; allowed is 0 or more"),
    edit(
        "background-as-text",
        '[{ therapy = "calcium_vitamin_d", regimen = "1 dose oral daily from 0 to 24" }]',
        '"calcium"',
        "background: found 'calcium'; allowed is a list of tables",
    ),
]

ARMS = [
    edit(
        "duplicate-arm",
        '"placebo"',
        '"denosumab"',
        "arms.denosumab.name: 'denosumab' names two arms",
    ),
    edit(
        "arm-name-form",
        '"placebo"',
        '"Placebo arm"',
        "arms.Placebo arm.name: found 'Placebo arm'; allowed is lower-case words",
    ),
    BadInputCase(
        "no-arms",
        ("own.toml: arms: is empty",),
        raw=b'name = "x"\narms = []\nvisits = {months = [0, 1]}',
    ),
    edit(
        "ratio-negative",
        "ratio = 1",
        "ratio = -1",
        "arms.placebo.ratio: found -1; allowed is 1 or more",
    ),
    edit(
        "role-unknown",
        '"control"',
        '"contrl"',
        "arms.placebo.role: found 'contrl'; allowed is active or control",
        "Did you mean 'control'?",
    ),
    edit(
        "unknown-therapy",
        'therapy = "denosumab"',
        'therapy = "denosumap"',
        "arms.denosumab.treatments.0.therapy: unknown therapy 'denosumap'",
        "Did you mean 'denosumab'?",
    ),
    edit(
        "unknown-background",
        '"calcium_vitamin_d"',
        '"calcium_vitamin_e"',
        "background.0.therapy: unknown therapy 'calcium_vitamin_e'",
        "Did you mean 'calcium_vitamin_d'?",
    ),
    edit(
        "therapy-file-missing",
        'therapy = "denosumab"',
        'therapy = "mine.toml"',
        "arms.denosumab.treatments.0.therapy",
        "mine.toml cannot be read: No such file",
    ),
    edit(
        "overlapping-courses",
        ' to 24" }]\n\n[[arms]]',
        ' to 24" }, { therapy = "prolia", regimen = "60 mg sc monthly from 12" }]\n\n[[arms]]',
        "arms.denosumab.treatments.1: gives denosumab at month 12, where treatments.0 gives it too",
    ),
    BadInputCase(
        "overlapping-background",
        ("arms.denosumab.treatments.0: gives calcium_vitamin_d at month 0, where background.0",),
        {
            'therapy = "denosumab"': 'therapy = "calcium_vitamin_d"',
            REGIMEN: "1 dose oral daily from 0 to 6",
        },
    ),
]

POPULATION = [
    edit(
        "population-unknown",
        '"postmenopausal_osteoporosis"',
        '"postmenopausal_osteoporosi"',
        "population.name: ",
        "'postmenopausal_osteoporosi'",
        "Did you mean 'postmenopausal_osteoporosis'?",
    ),
    edit(
        "population-file-missing",
        '"postmenopausal_osteoporosis"',
        '"mine.toml"',
        "population.name: the file",
        "mine.toml cannot be read: No such file",
    ),
    edit(
        "eligibility-variable",
        'variable = "age"',
        'variable = "aeg"',
        "eligibility.0.variable: 'aeg' is not known at screening",
        "Did you mean 'age'?",
    ),
    edit(
        "eligibility-empty-range", "min = 60", "min = 95", "eligibility.0: min 95 lies above max 90"
    ),
    edit(
        "eligibility-no-limit", "min = 60\nmax = 90\n", "", "eligibility.0: has neither min nor max"
    ),
    edit(
        "eligibility-infinite",
        "max = 90",
        "max = inf",
        "eligibility.0.max: found inf; allowed is a finite number",
    ),
]

SETTINGS = [
    edit("dropout-above-one", "0.05", "1.5", "dropout.annual_rate: found 1.5; allowed is below 1"),
    edit(
        "dropout-negative", "0.05", "-0.1", "dropout.annual_rate: found -0.1; allowed is 0 or more"
    ),
    edit(
        "adherence-above-one",
        "mean = 0.9",
        "mean = 1.2",
        "adherence.mean: found 1.2; allowed is 1 or less",
    ),
    edit(
        "adherence-spread", "sd = 0.1", "sd = 0.4", "adherence.sd: found 0.4; allowed is below 0.3"
    ),
    edit("cv-in-percent", "0.01", "1.1", "dxa_cv.lumbar_spine: found 1.1; allowed is 0.5 or less"),
    edit(
        "outcome-unknown",
        '"osteoclasts"',
        '"osteoclast"',
        "outputs.extra.0: 'osteoclast' is not an outcome",
        "Did you mean 'osteoclasts'?",
    ),
    edit(
        "fracture-as-extra",
        '"osteoclasts"',
        '"fracture_hip"',
        "outputs.extra.0: 'fracture_hip' comes with `fractures = true`; leave it out here.",
    ),
    edit(
        "fractures-several-above-all",
        "[population.baseline]",
        "prevalent_fracture = { vertebral = 0.2, several = 0.3 }\n[population.baseline]",
        "population.prevalent_fracture.several: found 0.3; allowed is `vertebral` (0.2) or less",
    ),
    edit(
        "fracture-background-unknown",
        "[population.baseline]",
        'fracture_background = "fredom"\n[population.baseline]',
        "population.fracture_background: 'fredom' is none that is known",
        "Did you mean 'freedom'?",
    ),
    edit(
        "knockout-unknown",
        "[outputs]",
        '[outputs]\nknockout = ["wnt_adaption"]',
        "outputs.knockout.0: 'wnt_adaption' is not a mechanism",
        "Did you mean 'wnt_adaptation'?",
    ),
    edit(
        "parameter-unknown",
        "bE =",
        "kLpp =",
        "parameters.override.kLpp: is not a parameter",
        "Did you mean 'kLp'?",
    ),
    edit(
        "parameter-nan",
        "bE = 1.0",
        "bE = nan",
        "parameters.override.bE: found nan; allowed is a finite number",
    ),
    edit(
        "parameter-infinite",
        "bE = 1.0",
        "bE = inf",
        "parameters.override.bE: found inf; allowed is a finite",
    ),
    edit(
        "parameter-bounds",
        "bE = 1.0",
        "bE = 1e6",
        "parameters.override.bE: found 1000000.0; allowed is",
    ),
    edit(
        "parameter-text",
        "bE = 1.0",
        'bE = "high"',
        "parameters.override.bE: found 'high'; allowed is a number",
    ),
    edit(
        "parameter-set-unknown",
        "[parameters.override]",
        '[parameters]\nset = "defualt"\n[parameters.override]',
        "parameters.set: ",
        "'defualt'",
        "Did you mean 'default'?",
    ),
    edit(
        "block-size", "4096", "1000", "engine.block_size: found 1000; allowed is a multiple of 2048"
    ),
    edit(
        "precision-unknown",
        "block_size = 4096",
        'precision = "float16"',
        "engine.precision: found 'float16'; allowed is float32 or float64",
    ),
    edit(
        "max-failed",
        "block_size = 4096",
        "max_failed = 2",
        "engine.max_failed: found 2; allowed is 1 or less",
    ),
]
