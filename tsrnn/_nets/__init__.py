"""Networks as functions of parameters, memory and rows."""
