"""Where the curves of students and trials go: TensorBoard always, MLflow, Weights & Biases and trackio if asked for."""
