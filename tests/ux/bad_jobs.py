"""Bad jobs: files, keys, selection, tables of trials, parameters, starts and methods."""

from __future__ import annotations

from bad_job_case import CTX, HEADER, LATER, LS, WORDS, BadJobCase, config, edit, priors, row

TRIALS = 'trials = ["freedom", "mine"]'
ENDPOINTS = 'endpoints = ["LS", "TH", "CTX"]'
FREE = 'free = ["etaPi", "Estrogen", "wLS"]'
TIED = 'names = ["etaPi", "kC"]'

FILES = [
    BadJobCase("no-such-name", ("'quik'", "cohort list jobs", "'quick'"), named="quik"),
    BadJobCase("no-such-file", ("no such file",), named="FOLDER/absent.toml"),
    BadJobCase("near-file", ("Did you mean", "own.toml"), named="FOLDER/owm.toml"),
    edit("not-toml", "seed = 3", "seed 3", "own.toml: is not valid TOML", "line 2"),
    edit("unknown-key", "starts = 2", "start = 2", "start.start: the key is unknown", "'starts'"),
    edit("unknown-table", "[noise]", "[nose]", "nose: the key is unknown", "'noise'"),
    edit("prior-key", "centre = 0.5", "center = 0.5", "prior.etaPi.center", "'centre'"),
    edit("name", '"own_job"', '"own job"', "name: found 'own job'", "letters"),
    edit("seed", "seed = 3", "seed = -3", "seed: found -3; allowed is 0 or more"),
    edit("seed-word", "seed = 3", 'seed = "x"', "seed: found 'x'; allowed is a whole number"),
    config("override", "seed", "'seed' is not understood"),
    config("override-value", "fit.steps=many", "fit.steps: found 'many'", "a whole number"),
]

SELECTION = [
    edit("trial", '"freedom", "mine"', '"fredom", "mine"', "'fredom'", "'freedom'?"),
    edit("trial-path", '"mine"]', '"./mime"]', "there is no folder", "mime"),
    edit("trials-word", TRIALS, 'trials = "al"', "'all' or a list of names"),
    edit("exclude", "exclude = []", 'exclude = ["frame"]', "targets.exclude: 'frame' is none"),
    edit("arm", "arms = []", 'arms = ["denosumap"]', "targets.arms: 'denosumap'", "'denosumab'?"),
    edit("endpoint", '"CTX"]', '"CXT"]', "targets.endpoints.2: found 'CXT'", "'CTX'?"),
    edit("checked", '"unchecked"]', '"guessed"]', "targets.verification.2: found 'guessed'"),
    edit("sex", "arms = []", 'sex = "men"', "targets.sex: found 'men'; allowed is female or male"),
    edit(
        "validation",
        'split = "calibration"',
        'split = "validation"',
        "targets.split: found 'validation'; validation rows are predicted and never fitted",
    ),
    edit(
        "context",
        'split = "calibration"',
        'split = "do_not_fit"',
        "targets.split: found 'do_not_fit'; do_not_fit rows are context and never fitted",
    ),
    edit("split", 'split = "calibration"', 'split = "all"', "targets.split: found 'all'"),
    edit(
        "validation-trial",
        TRIALS,
        'trials = ["freedom", "mine", "arch"]',
        "targets.trials: 'arch' has no row to fit",
        "split 'calibration'",
        "keeps none",
    ),
    edit("no-trial", TRIALS, "trials = []", "nothing is left to fit: no trial is chosen"),
    edit("all-excluded", "exclude = []", 'exclude = ["freedom", "mine"]', "nothing is left"),
    edit(
        "emptied-by-endpoint",
        ENDPOINTS,
        'endpoints = ["BSAP"]',
        "'mine' has no row to fit: of 2 rows, targets.endpoints ['BSAP'] keeps none",
    ),
    edit(
        "emptied-by-sex",
        f"{TRIALS}\nexclude = []\narms = []",
        'trials = "all"\nsex = "male"\narms = ["freedom.denosumab"]',
        "nothing is left to fit",
        "targets.arms ['freedom.denosumab'] keeps none",
        "natural_history is false",
    ),
    edit("emphasis", 'trial = "freedom"', 'trial = "fredom"', "emphasis.0.trial", "'freedom'?"),
    edit("factor", "factor = 2.0", "factor = 0", "emphasis.0.factor: found 0", "above 0"),
]

TABLES = [
    BadJobCase("no-table", ("mine lacks outcomes.csv",), without=("mine/outcomes.csv",)),
    BadJobCase("no-study", ("mine lacks trial.toml",), without=("mine/trial.toml",)),
    BadJobCase("study", ("mine/trial.toml: arms.denosumab", "'mL'"), trial={"60 mg": "60 mL"}),
    BadJobCase("namesake", ("two trials are named",), trial={'"mine"': '"freedom"'}),
    row("inf", ",5.5,", ",inf,", "value is 'inf', not a finite number"),
    row("nan", ",5.5,", ",nan,", "value is 'nan', not a finite number"),
    row("infinite-error", "se,0.4", "se,inf", "spread_value is 'inf', not a finite number"),
    row("no-number", ",5.5,", ",much,", "value is 'much', not a number"),
    row("zero-error", "se,0.4", "se,0", "row 'm-1'", "the standard error is 0"),
    row("negative-error", "se,0.4", "se,-1", "the standard error is -1; it must be above 0"),
    row("crossed-interval", "se,0.4,,", "ci95,,6,5", "the standard error is -0.25"),
    row("unit", LS, LS.replace("percent change", "g/cm2"), "the unit is 'g/cm2'", "percent change"),
    row(
        "mixed-units",
        CTX,
        CTX + CTX.replace("m-2", "m-5").replace("percent change", "ng/mL"),
        "row 'm-5'",
        "the unit is 'ng/mL'",
        "do_not_fit",
    ),
    row("table-arm", "m-1,denosumab", "m-1,denosumap", "arm is 'denosumap'", "'denosumab'?"),
    row("table-split", "validation", "valid", "split is 'valid'", "'validation'?"),
    row("table-trust", LS, LS.replace("checked", "cheked"), "verification is 'cheked'"),
    row("twice", "m-2", "m-1", "row_id 'm-1' stands there twice"),
    row("versus", ",placebo,checked", ",placbo,checked", "versus is 'placbo'"),
    row("month", "BMD,LS,12", "BMD,LS,9", "no visit near month 9", "visits.months"),
    BadJobCase(
        "only-words",
        ("'mine' has no row to fit: of 1 rows, split 'calibration'",),
        outcomes={LS + CTX: ""},
    ),
    BadJobCase(
        "empty-table",
        ("'mine' has no row to fit: there are no rows",),
        outcomes={LS + CTX + WORDS + LATER: ""},
    ),
    row("columns", HEADER, HEADER.replace("versus", "against"), "column versus missing"),
]
PARAMETERS = [
    edit("free", '"wLS"]\nfixed', '"wLs"]\nfixed', "parameters.free: 'wLs'", "'wLS'?"),
    edit("group", '"Estrogen"', '"Estrogens"', "'Estrogens' is neither", "'Estrogen'?"),
    edit("fixed", '["pRLX"]', '["pRLY"]', "parameters.fixed: 'pRLY'", "'pRLX'?"),
    edit("fix", "gam = 0.8", "gamm = 0.8", "parameters.fix: 'gamm' is no parameter", "'gam'?"),
    edit("prior", "prior.etaPi]", "prior.etaPie]", "parameters.prior: 'etaPie'", "'etaPi'?"),
    edit("value", "{ etaPi = 0.5 }", "{ etaP = 0.5 }", "start.values: 'etaP'", "'etaPi'?"),
    edit("profile", '["wLS"]\n', '["wLs"]\n', "posterior.profile: 'wLs'", "'wLS'?"),
    edit("nothing-free", FREE, "free = []", "no parameter is free"),
    edit("free-twice", '"Estrogen", "wLS"', '"Estrogen", "kE", "wLS"', "kE is named twice"),
    edit("free-and-fixed", '["pRLX"]', '["wLS"]', "parameters.fixed: wLS is in parameters.free"),
    edit("free-and-fix", "gam = 0.8", "wLS = 0.6", "parameters.fix.wLS: it is in parameters.free"),
    edit("fix-and-start", "{ etaPi = 0.5 }", "{ gam = 0.7 }", "fix.gam", "start.values too"),
    edit("tie", TIED, 'names = ["etaPi", "kCC"]', "tied.0.names: 'kCC' is no parameter", "'kC'?"),
    edit("tie-alone", TIED, 'names = ["etaPi"]', "at least two parameters"),
    edit("tie-twice", TIED, 'names = ["etaPi", "kC", "kC"]', "kC is tied twice"),
    edit("tie-and-free", FREE, 'free = ["etaPi", "kC"]', "kC is in parameters.free too"),
    edit("tie-and-fixed", '["pRLX"]', '["kC"]', "kC is fixed too; a tied parameter cannot be"),
    edit("tie-scales", TIED, 'names = ["etaPi", "phiQ"]', "mix positive numbers", "logit"),
    edit("tie-leader", TIED, 'names = ["kQ", "kC"]', "kQ, which the others follow, is not free"),
    edit("tie-prior", TIED, 'names = ["wLS", "etaPi"]', "etaPi has a prior, but follows wLS"),
    edit("sd-zero", "sd = 0.3", "sd = 0", "prior.etaPi: sd is 0; it must be above 0"),
    edit("sd-infinite", "sd = 0.3", "sd = inf", "prior.etaPi.sd: found inf", "a finite number"),
    edit("bounds-crossed", "low = 0.2", "low = 1.6", "low is 1.6 and high is 1.5"),
    edit("bounds-equal", "low = 0.2", "low = 1.5", "low must be below high"),
    edit(
        "centre-outside",
        "centre = 0.5",
        "centre = 1.8",
        "prior.etaPi: the centre 1.8 contradicts the bounds 0.2 to 1.5",
    ),
    edit("centre-negative", "centre = 0.5", "centre = -1", "centre is -1; the model admits"),
    edit("bound-too-wide", "high = 1.5", "high = 1e6", "high is 1e+06; the model admits"),
    edit(
        "declared-centre-outside",
        "centre = 0.5\nsd = 0.3\nlow = 0.2",
        "low = 0.6",
        "the centre 0.5 contradicts the bounds 0.6 to 1.5",
    ),
    BadJobCase("no-priors", ("priors.csv cannot be read",), priors={}, without=("priors.csv",)),
    priors("table-column", "name,prior", "name,centre", "the column 'centre' is unknown"),
    priors("table-name", "etaPi,", "etaPie,", ":2: 'etaPie' is not a parameter", "'etaPi'?"),
    priors("table-number", "0.5,0.3", "0.5,wide", "sd is 'wide'; a finite number is needed"),
    priors("table-unit", ",1.5,1\n", ",1.5,mg\n", "the unit of etaPi is 'mg'", "declared as '1'"),
]

STARTS = [
    edit(
        "start-outside",
        "{ etaPi = 0.5 }",
        "{ etaPi = 1.7 }",
        "start.values.etaPi: etaPi starts at 1.7, outside its bounds 0.2 to 1.5",
    ),
    edit("start-absurd", "{ etaPi = 0.5 }", "{ etaPi = 1e9 }", "the value is 1e+09", "allowed is"),
    edit("start-infinite", "{ etaPi = 0.5 }", "{ etaPi = nan }", "start.values.etaPi: found nan"),
    BadJobCase(
        "set-outside",
        ("start.set: etaPi starts at", "outside its bounds 1.4 to 1.5"),
        job={
            "values = { etaPi = 0.5 }": "",
            "centre = 0.5": "centre = 1.45",
            "low = 0.2": "low = 1.4",
        },
    ),
    edit("fix-outside", "gam = 0.8", "gam = 99", "parameters.fix.gam: the value is 99"),
    edit("set", 'set = "default"', 'set = "defalt"', "start.set: ", "'defalt'", "'default'?"),
    edit("set-file", 'set = "default"', 'set = "gone.toml"', "start.set: ", "cannot be read"),
    edit("starts", "starts = 2", "starts = 0", "start.starts: found 0", "1 or more"),
]
METHODS = [
    edit("persons", "persons = 8", "persons = 0", "cohort.persons: found 0", "1 or more"),
    edit("persons-word", "persons = 8", "persons = 1.5", "cohort.persons: found 1.5"),
    edit("accuracy", "persons = 8", 'accuracy = "best"', "cohort.accuracy: found 'best'"),
    edit("optimizer", '"adam"', '"adm"', "optax has no optimizer 'adm'", "'adam'?"),
    edit("not-an-optimizer", '"adam"', '"apply_updates"', "no optimizer 'apply_updates'"),
    edit("kept", "kept = 1", "kept = 3", "fit.kept: found 3; there are 2 starts"),
    edit("steps", "steps = 20", "steps = -1", "fit.steps: found -1"),
    edit(
        "no-steps",
        "steps = 20\nkept = 1",
        "steps = 0\nkept = 1\n[polish]\nsteps = 0",
        "fit.steps: found 0, as polish.steps",
    ),
    edit("rate", "kept = 1", "learning_rate = 0", "fit.learning_rate: found 0", "above 0"),
    edit("schedule", "kept = 1", 'schedule = "cosin"', "found 'cosin'", "'cosine'?"),
    edit("method", '"laplace"', '"laplase"', "posterior.method: found 'laplase'", "'laplace'?"),
    edit("draws", '["wLS"]\n', '["wLS"]\ndraws = 0\n', "posterior.draws: found 0"),
    edit("profile-fixed", '["wLS"]\n', '["wTH"]\n', "posterior.profile: wTH is not free"),
    edit("noise", "bmd_floor = 0.6", "bmd_floor = -1", "noise.bmd_floor: found -1"),
]

BAD_JOBS = FILES + SELECTION + TABLES + PARAMETERS + STARTS + METHODS
