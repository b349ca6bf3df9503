"""Measures of action units: pure functions of labels and scores, for training, evaluation and tests alike.

A measure that cannot be had (an AU without a positive or without a negative face) is None, never 0 and never NaN.
"""
