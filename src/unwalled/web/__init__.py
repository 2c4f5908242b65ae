"""The built widget and pages."""
