"""The mesh, its displacements, and which of them an AU is made of."""
