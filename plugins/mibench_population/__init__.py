"""Mutual information with a finite population: what a representation knows of its training set, exactly."""
