"""What users call, from Python or through the command line: one function for each thing to do.

`import cohort` offers these functions by name (`cohort.run`, `cohort.compare`, ...); the commands
are thin callers of them. None imports JAX before the input has been checked.
"""
