"""Exchange with other tools of parameter estimation."""
