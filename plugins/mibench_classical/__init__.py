"""Classical estimators of mutual information: histograms, kernel densities, ranks. None trains.

Importing the package imports no torch.
"""
