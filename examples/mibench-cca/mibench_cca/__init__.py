"""Mutual information by canonical correlations: the estimator `cca-ridge`."""
