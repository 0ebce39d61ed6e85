"""The parts of the linking stage, one a section of the policy; ``compiler.link`` runs them."""
