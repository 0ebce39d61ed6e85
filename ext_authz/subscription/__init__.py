"""An edge's own subscription to the control plane: rules, keys, revocations, secrets over ADS.

``served`` is what it has, ``stream`` the protocol without a socket, ``last_good`` the disk, and
``follow`` the gRPC around them.
"""
