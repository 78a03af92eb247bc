"""The only readers: they turn what is known of the cluster into snapshots."""
