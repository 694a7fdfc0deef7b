"""Mutual information by nearest neighbours, the estimator `ksg-tree`, and the task `ksg-gamma-exponential`."""
