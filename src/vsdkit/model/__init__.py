"""Base models and adapters: where they are, how they are loaded, what their prompts are made of.

Each name is imported from the module that holds it: ``bases`` and ``precision`` load no torch,
``checkpoint`` loads models, ``lora`` wraps them, ``prompt_ids`` makes ids, ``generation`` lets a
model answer, ``families`` knows what sets one kind of base apart from another.
"""
