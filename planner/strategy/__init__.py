"""Which parallelism: all strategies that fit, ranked by the step time that is predicted."""
