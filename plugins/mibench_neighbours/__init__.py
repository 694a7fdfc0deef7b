"""Mutual information from distances to nearest neighbours, without training and without an assumed density.

`from mibench_neighbours.ksg import ksg` works without the benchmark. Importing the package imports no torch.
"""
