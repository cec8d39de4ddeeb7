"""Published bone models of other groups, on a solver of their own kind: stiff, shared steps."""
