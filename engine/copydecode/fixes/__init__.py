"""What a diagnostic comes to, where everyone would mend it alike: so that a model need not guess.

Knows nothing of models or editors.
"""
