"""The deep variational bottleneck's upper bound on mutual information, for tasks that know p(y|x)."""
