"""Compiled arithmetic: arrays in, arrays out; imports nothing above."""
