"""Training: solvers, losses, stopping."""
