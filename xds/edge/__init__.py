"""What the Python services beside an Envoy are served: rules, keys, revocations, as data.

Both who compiles them and who obeys them import this, and neither imports the other.
"""
