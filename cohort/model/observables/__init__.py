"""Outputs of the model: what a densitometer or an assay would report, relative to age 35."""
