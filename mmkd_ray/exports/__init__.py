"""A finished student in the forms that other tools load: written, verified as its users load it, and described."""
