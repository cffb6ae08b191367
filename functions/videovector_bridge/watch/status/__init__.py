"""How a deployment is: facts in, lines with a severity out. Pure.

`cli.operate` gathers the facts and prints the lines. It imports settings, events and values of api.
"""
