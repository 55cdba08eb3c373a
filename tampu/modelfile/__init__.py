"""The Modelfile: text to instructions and back."""
