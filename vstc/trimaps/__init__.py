"""From masks to trimaps: rules, neighbours, steadiness in time, export, and checks."""
