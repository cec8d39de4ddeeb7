"""The remodeling model: equations on arrays of patients, nothing above them and no input or output.

Time is in days. A state is a dict of arrays of shape `(patient,)`, dimensionless (1 = a healthy
35-year-old woman) unless a module says otherwise. Every state obeys `y' = production - loss * y`,
so a module returns pairs `(production, loss)` and the solver may step them without losing
positivity.
"""
