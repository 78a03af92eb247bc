"""What users write and read: kinds, fields, names, conditions and reasons. Pure data."""
