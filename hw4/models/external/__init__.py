"""Any program as a model: a process in an environment and a language of its own."""
