"""The part of a sensitivity job that needs JAX: cohorts under moved levers, and derivatives."""
