"""A run in the forms that other programs expect: ADaM-shaped data sets, and plain CSV."""
