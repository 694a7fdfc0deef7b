"""A user's own pairs as a task: what estimators say of data whose information nobody knows."""
