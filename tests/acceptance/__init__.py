"""`make acceptance`: real Terraform and the real provider apply `infra/`, change it and destroy it.

The cloud is a fake one on this machine, or a throwaway project of Google Cloud. Nothing imports it.
"""
