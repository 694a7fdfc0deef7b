"""Rows that every table of a family has: the exact critic, the plug-in Gaussian, and canonical correlations."""
