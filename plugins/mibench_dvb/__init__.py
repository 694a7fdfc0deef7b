"""Upper bounds on mutual information for tasks that know p(y|x): those of two information bottlenecks."""
