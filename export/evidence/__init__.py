"""Is it right, and how fast: float's own answers, stored models against them, golden traces, speed."""
