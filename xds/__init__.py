"""The xDS side: Envoy's messages and their encoding, and the control plane that serves them."""
