"""A user's own data: which trials tell how much information there is, and whom to trust on it."""
