"""The agent beside Envoy: intents and Pods become file xDS, with or without an operator."""
