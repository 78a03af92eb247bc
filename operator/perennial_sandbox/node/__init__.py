"""The process node: registers a Node and runs the Pods bound to it as local processes."""
