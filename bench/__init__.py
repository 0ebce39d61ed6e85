"""Measurements, run by `make bench`: each prints what it did, on what, and the figures it got.

Speed is never asserted by a test. Figures that compare two things are taken in turns within one
run (A B A B), because a machine's own speed drifts; CPU is read from the process's own accounting.
"""
