"""Hormones: one axis a file, and what they come to for bone (`system`).

What a person has of her own is a function of age, sex and conditions (`own`); what drugs make of it
follows from her own, the slow states of the axes and the exposure (`system.milieu`).
"""
