"""Families of distributions whose mutual information and its gradient are known, one a file."""
