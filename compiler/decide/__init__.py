"""What a gateway does with a request, worked out from the plan: a pure function, held to Envoy."""
