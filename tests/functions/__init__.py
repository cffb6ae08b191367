"""The functions in their host, functions-framework, beside a stand-in of VideoVector."""
