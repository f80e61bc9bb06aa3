"""The oracle: vectors, the judge, and the engines that it judges."""
