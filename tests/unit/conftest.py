"""Lets tests import the fakes beside them, which pytest's importlib mode leaves off the path."""

from __future__ import annotations

import os
import sys

sys.path.insert(0, os.path.dirname(__file__))
