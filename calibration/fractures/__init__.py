"""Fits the fracture hazards: `python -m calibration.fractures` writes their coefficients.

Bones are simulated once under the bundled parameter set; the few coefficients that the literature
leaves open are then moved on their courses. Run it again whenever that set changes.
"""
