"""Fractures and death: hazards from what a person's bones are, and the events that follow.

Nothing here needs JAX: the bones' course is computed by the solver, and a hazard is arithmetic on
it. `cohort.solve.fractures` joins the two.
"""
