"""The Python services beside an Envoy, for the work Envoy cannot do by itself.

A request that needs none of them never meets Python. ``admission`` and ``counters`` answer who may
pass, ``process`` (with ``translate`` and ``redact``) turns requests and answers over, ``ledger``
writes down what was used; ``service`` runs them, by what ``subscription`` is served.
"""
