"""A population cohort engine for bone."""
