"""Admission: what Envoy's question about a request is answered, without a socket or a clock.

Read in the order of a request: ``question`` (what Envoy tells), ``identity`` (who it is),
``access`` (what they may use), ``estimate`` and ``charges`` (what the request takes of which
limits), ``answer`` and ``refusal`` (what Envoy and the client are told), and ``decide``, which
puts them in a row. ``book`` is the rules, laid out for looking up.
"""
