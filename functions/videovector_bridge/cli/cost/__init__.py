"""The cost planner: what a deployment costs a month, and the latency that this buys.

Only `cli.app` imports it. It reads files of the source tree and makes no request.
"""
