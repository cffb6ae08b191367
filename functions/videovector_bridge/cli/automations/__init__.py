"""The commands `videovector-bridge automations ...`: check an automations file and try it out.

Imported only by `cli.app`. These commands need neither VideoVector nor Google Cloud.
"""
