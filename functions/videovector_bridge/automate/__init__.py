"""Events cause effects, as the automations file says."""
