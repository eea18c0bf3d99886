"""Pictures from noise: a flow-matching transformer on the latents of an autoencoder."""
