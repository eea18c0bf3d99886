"""Work on many pictures: a pool of worker processes, what they do, and a store of results."""
