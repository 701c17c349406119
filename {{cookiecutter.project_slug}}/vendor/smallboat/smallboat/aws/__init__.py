"""What every room that touches AWS needs: account, names, buckets, images, Metaflow's variables."""
