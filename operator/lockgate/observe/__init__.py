"""From what was seen of the cluster to facts that a plan may rest on."""
