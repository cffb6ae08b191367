"""CEL expressions over one event: compiled once, and bounded in cost before each evaluation.

The rest of `automate` imports this package. It imports the library `cel`, `mistakes` and
`vocabulary`.
"""
