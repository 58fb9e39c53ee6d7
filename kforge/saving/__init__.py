"""Models, weights and configurations, in files and out of them."""
