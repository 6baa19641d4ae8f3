"""What is done to a series before a model sees it: transforms of the target, features of the calendar."""

from ._targets import Difference, Log, Logit, Power


__all__ = ["Difference", "Log", "Logit", "Power"]
