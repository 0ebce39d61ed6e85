"""Invariants: what must hold for every path that a plan allows, looked at class by class.

Read in this order: ``invariant`` (what is asked), ``slots`` (what a path has, in parts that belong
to its doors, callers and ends), ``doors``, ``callers`` and ``ends`` (the parts), ``classes`` (parts
that an invariant cannot tell apart are one), ``search`` (what violates it), ``example`` (a request
that shows it), ``told`` (the diagnostic), ``check`` (the stage).
"""
