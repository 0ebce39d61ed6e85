"""The kinds of policy: one module a kind, with its schema, its plan, its lowering and examples.

A kind is listed by name in one tuple; importing a module registers nothing.
"""
