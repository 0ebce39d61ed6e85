"""What a change of a policy changes: behaviour first, then cost, connections and resources.

`compiler.diff.plans` compares two plans, `compiler.diff.review` two whole compilations; `text`,
`json_form` and `markdown` write what was found. Everything here is pure.
"""
