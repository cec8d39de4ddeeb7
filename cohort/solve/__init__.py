"""From patients and a schedule to trajectories: one grid a study, one compiled function a shape."""
