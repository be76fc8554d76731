"""Frozen values and the rules between them; no file, process or network is touched here.

The values are named tuples: importing ``dataclasses`` costs a third of the time that ``list`` may take.
"""
