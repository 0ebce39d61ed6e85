"""The language server: documents of an editor, the policies that they are part of, and LSP.

What is answered is worked out by `compiler.language`; here stands what reads files and speaks the
protocol.
"""
