"""How parameters are learnt: solvers, losses, what watches them."""
