"""A race of forecasters behind one call: its candidates, how they are compared, what is blended."""
