"""What measures the pretrained networks."""
