"""Who takes part in a study: its persons by their numbers, as they are at entry."""

from __future__ import annotations

import numpy as np

from cohort.patients.covariates import Target
from cohort.patients.population import load_population
from cohort.patients.recruitment import recruit
from cohort.patients.sampling import Patients as Sampled
from cohort.patients.sampling import sample
from cohort.patients.variability import Variability
from cohort.trial.schema import Study


class Enrolment:
    """Draws the persons of one study.

    Attributes:
        population: from which they come.
    """

    def __init__(self, study: Study, variability: Variability) -> None:
        """Take the study.

        Args:
            study: the validated study.
            variability: how patients differ.
        """
        self._study, self._variability = study, variability
        name, male_reference = study.population.name, study.outputs.male_t_score_reference
        self.population = load_population(name, male_reference)
        given = study.population.baseline
        self._baseline: dict[str, Target] = {
            name: target for name, target in given if name != "source" and target is not None
        }

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences about published baselines that the study's eligibility does not allow."""
        rules = self._study.eligibility
        strata = recruit(self.population, self._variability, self._baseline, rules)
        return tuple(dict.fromkeys(sentence for part in strata for sentence in part.missed))

    def sample(self, slots: np.ndarray) -> Sampled:
        """Draw persons.

        Args:
            slots: person numbers, int64 `(patient,)`.

        Raises:
            BadInput: eligibility excludes nearly everybody.
        """
        return sample(
            self.population,
            self._variability,
            self._baseline,
            self._study.eligibility,
            self._study.seed,
            slots,
        )
