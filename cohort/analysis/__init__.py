"""What is made from a results folder alone: comparison with published trials, figures, report.

Nothing here simulates: every function reads Parquet, so a figure is remade in seconds.
"""
