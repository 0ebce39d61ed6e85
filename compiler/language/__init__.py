"""What an editor asks of a policy: names, keys, places, values; from a text and a position.

Everything here is pure: texts and positions in, answers out. `cli.lsp` speaks the protocol. Texts
are mostly broken while somebody writes them, so that places are read by `outline`, which takes any
text, and values by the compiler, from the last text that was right.
"""
