"""Judgement: predictions with intervals, what each row asks, and how well it is answered."""
