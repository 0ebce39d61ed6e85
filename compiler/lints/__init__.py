"""Lints: what is allowed and probably not meant. `lint` finds what needs the whole gateway at once.

Most warnings are found where names meet, in `compiler.linking`; `registry` has a line on each.
"""
