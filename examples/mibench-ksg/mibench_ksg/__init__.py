"""Mutual information by nearest neighbours, the estimator `ksg`, and the task `ksg-gamma-exponential`."""
