"""The edge as processes: a supervisor, workers that answer Envoy, and one that writes the ledger.

``options`` is what all of them are told, ``worker`` and ``ledger_process`` are programs of their
own, ``supervisor`` keeps them running.
"""
