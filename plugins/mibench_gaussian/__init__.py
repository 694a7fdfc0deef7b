"""Correlated Gaussians: pairs whose mutual information and its gradient are known in closed form."""
