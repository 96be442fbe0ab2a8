"""Attaching, apart from the probe types because compiling does not need it. One file a way of attaching."""
