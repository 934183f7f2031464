"""Students: a timm model with C class and Q aspect logits, the loss, and what each arm is taught. No Ray in here."""
