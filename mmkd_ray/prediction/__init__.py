"""What a finished student says of images, wherever they lie: found, read, predicted, explained, shown and written."""
